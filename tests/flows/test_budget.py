"""A run that reaches its budget, and goes on: the real pipeline, with the rehearsal's journal as the witness."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from flows import plan as plans
from flows import services
from flows.budgets import approvals
from tasks.models.rehearsal import journal
from tasks.rows.storage import Storage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ROOT = Path(__file__).resolve().parents[2]
ROWS = 24


def start(recipe: str, root: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Run a recipe; gives the exit code, what it said as JSON, and to people."""
    command = [sys.executable, "-m", "flows", "run", recipe, "--root", str(root), "--json", *options]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True)
    assert done.stdout, done.stderr[-3000:]
    return done.returncode, dict(json.loads(done.stdout)), done.stderr


def usd(microusd: int) -> str:
    return f"{microusd / 1_000_000:.6f}"


def bill(root: Path) -> int:
    return sum(line.microusd for line in journal.read(root / "rehearsal" / "journal.jsonl"))


def served(root: Path) -> Counter[tuple[str, str]]:
    return Counter((line.model, line.body_sha256) for line in journal.read(root / "rehearsal" / "journal.jsonl"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A short recipe: two stages that ask, on a few of the demo's problems."""
    from tasks.models.rehearsal.champ import problems

    folder = tmp_path_factory.mktemp("recipe")
    rows = [{"id": p.id, "question": p.text, "answer": p.gold} for p in problems()[:ROWS]]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    text = f"""
name: short
sources: [{{name: champ, path: {folder}/rows.jsonl}}]
endpoints: {{rehearsal: {{kind: rehearsal, timeout_seconds: 60}}}}
roles:
  rater: {{endpoint: rehearsal, model: rehearsal/rater, revision: "1"}}
  topic: {{endpoint: rehearsal, model: rehearsal/topic, revision: "1"}}
  solver: {{endpoint: rehearsal, model: rehearsal/solver, revision: "1"}}
stages:
  - {{stage: rate, gate: 1}}
  - {{stage: solve, max_tokens: 4096}}
  - {{stage: verify}}
  - {{stage: classify}}
shards: 4
"""
    path = folder / "short.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def made(root: Path) -> list[list[str]]:
    """Digests of everything that the stages of a finished run made, shard by shard."""
    storage = Storage(str(root))
    plan = plans.latest(storage)
    chains = plans.chains(storage, plan)
    assert all(len(chain) == len(plan.stages) + 1 for chain in chains)
    assert sum(chain[-1].kept for chain in chains) >= 5
    return [[manifest.digest for manifest in chain] for chain in chains]


@pytest.fixture(scope="module")
def prefect(shared_prefect: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    with shared_prefect():
        yield


@pytest.fixture(scope="module")
def free(recipe: str, prefect: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[list[str]]]:
    """What the recipe costs without a budget, in micro-dollars, and what it makes."""
    root = tmp_path_factory.mktemp("free") / "root"
    code, _, words = start(recipe, root, "--runner", "threads")
    assert code == 0, words
    return bill(root), made(root)


def test_a_run_stops_at_its_budget_and_goes_on_to_the_same_end_repaying_nothing(
    recipe: str, free: tuple[int, list[list[str]]], tmp_path: Path
) -> None:
    whole, data = free
    root, half = tmp_path / "root", whole // 2
    code, said, words = start(recipe, root, "--runner", "threads", "--workers", "2", "--budget-usd", usd(half))
    assert code == 3, words
    assert 0 < bill(root) <= half
    (budget,) = said["budgets"]
    assert (budget["spent"], budget["possibly_paid"], budget["reserved"]) == (bill(root), 0, 0)
    assert "python -m flows run" in said["go_on"]
    assert float(said["go_on"].rsplit(" ", 1)[1]) * 1_000_000 == pytest.approx(2 * half)
    code, _, _ = start(recipe, root, "--runner", "threads", "--budget-usd", usd(half))
    assert code == 3
    code, _, words = start(recipe, root, "--runner", "ray", "--workers", "2", "--budget-usd", usd(4 * half))
    assert code == 0, words
    assert bill(root) == whole
    assert max(served(root).values()) == 1
    assert made(root) == data


def is_too_busy(fault: BaseException) -> bool:
    """Prefect answers 503 while its database is locked: it has done nothing then, and its clients ask again."""
    return isinstance(fault, httpx.HTTPStatusError) and fault.response.status_code == 503


@retry(retry=retry_if_exception(is_too_busy), wait=wait_fixed(1), stop=stop_after_delay(120), reraise=True)
def call(path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the Prefect server, as its UI does."""
    url = f"{os.environ['PREFECT_API_URL']}{path}"
    answer = httpx.get(url, timeout=30) if body is None else httpx.post(url, json=body, timeout=30)
    return answer.raise_for_status().json()


def wait_for(flow_run: str, *names: str) -> dict[str, Any]:
    """The flow run, once its state has one of these names."""
    deadline = time.monotonic() + 240
    while (found := call(f"/flow_runs/{flow_run}"))["state"]["name"] not in names:
        assert found["state"]["type"] not in ("FAILED", "CRASHED"), found["state"]["message"]
        assert time.monotonic() < deadline, found["state"]
        time.sleep(0.5)
    return found


def deployment(process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None
        try:
            return str(call("/deployments/name/curate/budgeted")["id"])
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.5)


def form(flow_run: str, details: dict[str, Any]) -> tuple[str, str]:
    """The schema of the form that a suspended run shows, and what it says above it."""
    names = details["run_input_keyset"]
    schema, words = (call(f"/flow_runs/{flow_run}/input/{names[key]}") for key in ("schema", "description"))
    return str(schema), str(words)


def test_a_deployed_run_waits_for_a_name_then_for_a_larger_budget_and_goes_on_to_the_same_end(
    recipe: str, free: tuple[int, list[list[str]]], tmp_path: Path
) -> None:
    whole, data = free
    root, half = tmp_path / "root", whole // 2
    bounded = tmp_path / "bounded.yaml"
    bounded.write_text(
        Path(recipe).read_text() + f"budget: {{usd: {usd(half)}}}\napprove_above_usd: 0\n", encoding="utf-8"
    )
    serve = [sys.executable, "-m", "tests.flows.serving", str(bounded), str(root)]
    env = {"PYTHONPATH": str(ROOT)}
    with services.child(serve, log=tmp_path / "serve.log", env=env, piped=False) as process:
        flow_run = call(f"/deployments/{deployment(process)}/create_flow_run", {})["id"]
        schema, words = form(flow_run, wait_for(flow_run, "Suspended")["state"]["state_details"])
        assert "who approves the run" in schema
        assert "estimated to cost USD" in words
        assert bill(root) == 0
        for name, answer in (("", "REJECT"), ("Ada Lovelace", "ACCEPT")):
            assert call(f"/flow_runs/{flow_run}/resume", {"run_input": {"name": name}})["status"] == answer
        schema, words = form(flow_run, wait_for(flow_run, "Suspended")["state"]["state_details"])
        assert 0 < bill(root) <= half
        assert "New budget of the whole run in US dollars" in schema
        assert f"the run's budget of USD {usd(half)} is reached" in words
        refused = call(f"/flow_runs/{flow_run}/resume", {"run_input": {"usd": half / 2_000_000}})
        assert refused["status"] == "REJECT"
        resumed = call(f"/flow_runs/{flow_run}/resume", {"run_input": {"usd": 2 * whole / 1_000_000}})
        assert resumed["status"] == "ACCEPT"
        wait_for(flow_run, "Completed")
    assert bill(root) == whole
    assert max(served(root).values()) == 1
    assert made(root) == data
    storage = Storage(str(root))
    assert [one.by for one in approvals(storage, plans.latest(storage).run)] == ["Ada Lovelace"]
