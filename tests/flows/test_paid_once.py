"""Nothing is paid twice: without Prefect's memory, after an edit, with more rows, with two runs or a hung one.

Real runs on threads, rehearsal models, and their journal as the witness. The stages are those that ask most. Their
manifests are compared: a manifest's digest stands for every byte under it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from prefect.task_runners import ThreadPoolTaskRunner

from flows import plan as plans
from flows import watch
from flows.curate import curate
from flows.curate import journal as journal_of
from flows.plan import Plan
from flows.recipe import Recipe
from flows.services import prefect_server
from flows.spending import Spend, spend
from flows.stages import PER_SHARD
from flows.why import why
from tasks.classify import topics
from tasks.ledger.contents import contents
from tasks.ledger.spend import By, events
from tasks.ledger.store import ReplyStore
from tasks.models.rehearsal import journal
from tasks.models.rehearsal.champ import problems
from tasks.rows import chain as chains
from tasks.rows.fingerprint import digest
from tasks.rows.storage import Storage
from tests.flows.bare import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
REPOSITORY = Path(__file__).resolve().parents[2]
ROLES = ("rater", "solver", "topic")


def recipe(
    folder: Path, rows: int = 12, shards: int = 2, faults: str | None = None, first: int = 0, **settings: object
) -> Recipe:
    """Three stages that ask, over so many problems from the `first` on; `settings` are those of rate."""
    folder.mkdir(exist_ok=True)
    source = folder / "champ.jsonl"
    lines = [
        json.dumps({"id": p.id, "question": p.text, "answer": p.gold}) + "\n"
        for p in problems()[first : first + rows]
    ]
    source.write_text("".join(lines), encoding="utf-8")
    return Recipe.model_validate(
        {
            "name": "small",
            "sources": [{"name": "champ", "path": str(source)}],
            "endpoints": {"here": {"kind": "rehearsal", "faults": faults, "concurrency": 8}},
            "roles": {role: {"endpoint": "here", "model": f"rehearsal/{role}", "revision": "1"} for role in ROLES},
            "stages": [
                {"stage": "rate", "gate": 1, **settings},
                {"stage": "solve", "max_tokens": 4096},
                {"stage": "classify"},
            ],
            "shards": shards,
            "lease_seconds": 2,
        }
    )


def served(root: str) -> Counter[tuple[str, str]]:
    """How often each request was served, by (model, body)."""
    return Counter((line.model, line.body_sha256) for line in journal.read(journal_of(root)))


def by_role(root: str) -> Counter[str]:
    return Counter(line.model.removeprefix("rehearsal/") for line in journal.read(journal_of(root)))


def outputs(root: str, plan: Plan) -> list[list[str]]:
    return [[manifest.digest for manifest in chain] for chain in plans.chains(Storage(root), plan)]


def told(root: str) -> Spend:
    return spend(Storage(root), By.STAGE)


def stored(root: str) -> int:
    """Requests that have a reply."""
    store = ReplyStore(Storage(root))
    store.refresh()
    return len(store)


def bill(root: str) -> int:
    return sum(line.microusd for line in journal.read(journal_of(root)))


def curated(given: Recipe, root: str) -> Plan:
    """A run as Prefect carries it out."""
    return curate.with_options(task_runner=ThreadPoolTaskRunner(max_workers=2))(given, root)


def test_without_prefects_memory_nothing_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    root, home, seen = str(tmp_path / "root"), tmp_path / "home", []
    for _ in range(2):
        with prefect_server(home) as server, server():
            plan = curated(recipe(tmp_path, rows=4), root)
        shutil.rmtree(home)
        seen.append((plan.run, outputs(root, plan), served(root)))
    assert seen[0] == seen[1]
    assert seen[0][2].total() == len(seen[0][2]) == stored(root) > 4 * (6 + 3)
    assert told(root).microusd == bill(root)


def test_a_log_that_is_merged_while_its_run_goes_is_paid_once_and_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(watch, "MANY_SEGMENTS", 5)
    monkeypatch.setattr(watch, "SECONDS_BETWEEN_LOOKS", 0.1)
    monkeypatch.setattr(watch, "_SHARE_OF_TIME", 1.0)
    root, apart = str(tmp_path / "root"), str(tmp_path / "apart")
    with prefect_server(tmp_path / "home") as server, server():
        for generations, rows in enumerate((6, 12), start=1):  # each merges at its end, and mostly before it, too
            plan = curated(recipe(tmp_path, rows=rows), root)
            ledger = contents(Storage(root))
            assert ledger.generation.number >= generations
            assert len(ledger.segments) <= 5
    counted = served(root)
    assert counted.total() == len(counted) == stored(root) > 12 * (6 + 3)
    assert told(root).microusd == bill(root)
    run(recipe(tmp_path, rows=6), apart)
    assert outputs(root, plan) == outputs(apart, run(recipe(tmp_path, rows=12), apart))


def test_an_edit_asks_again_exactly_what_it_bears_on_and_why_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(tmp_path / "root")

    def edited(stage: str, **settings: object) -> tuple[dict[str, int], list[str]]:
        """Requests of each role that a run asked more, and why that stage was done again."""
        before = by_role(root)
        last = run(recipe(tmp_path, rows=4, **settings), root)
        storage = Storage(root)
        reasons = {one.stage: one.differs for one in why(last, plans.started_before(storage, last.run))}
        return dict(by_role(root) - before), reasons.get(stage, [])

    first, _ = edited("rate")
    assert set(first) == {"rater", "solver", "topic"}
    assert (first["rater"], first["solver"]) == (4 * 6, 4 * 3)
    assert edited("rate", gate=1.5) == ({}, ["settings.gate: 1.0 -> 1.5"])
    assert edited("rate", gate=1.5, temperature=0.5) == ({"rater": 4 * 6}, ["settings.temperature: 1.0 -> 0.5"])
    edit_prompt_of_classify(tmp_path, monkeypatch)
    assert edited("classify", gate=1.5, temperature=0.5) == ({"topic": first["topic"]}, ["file prompt.md changed"])
    assert told(root).microusd == bill(root)


def edit_prompt_of_classify(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = folder / "prompt.md"
    prompt.write_text(topics.PROMPT.read_text(encoding="utf-8") + "\nTake your time.\n", encoding="utf-8")
    files = tuple(prompt if file == topics.PROMPT else file for file in topics.FILES)
    entry = PER_SHARD["classify"]
    monkeypatch.setitem(PER_SHARD, "classify", replace(entry, stage=replace(entry.stage, files=files)))
    monkeypatch.setattr(topics, "PROMPT", prompt)


def test_a_hundred_rows_more_among_ten_thousand_ask_only_for_themselves(tmp_path: Path) -> None:
    """Nine rows of ten are taken out by rule, so that a thousand of the ten thousand are asked about."""
    root, source = str(tmp_path / "root"), tmp_path / "rows.jsonl"
    given = recipe(tmp_path).model_dump()
    given |= {"sources": [{"name": "rows", "path": str(source)}], "stages": [{"stage": "screen"}]}
    given["roles"]["screener"] = given["roles"]["rater"] | {"model": "rehearsal/screener"}
    asked = []
    for count in (10_000, 10_100):
        source.write_text(
            "".join(json.dumps({"question": question(i)}) + "\n" for i in range(count)), encoding="utf-8"
        )
        plan = run(Recipe.model_validate(given), root)
        asked.append(served(root))
    assert [counted.total() for counted in asked] == [1000, 1010]
    assert max(asked[1].values()) == 1
    assert [intake.rows_in for intake in plan.intakes] == [10_000, 100]


def question(i: int) -> str:
    verb = "Find the remainder when" if i % 10 == 0 else "Prove that 11 divides the difference of 3 and"
    return f"{verb} the number ${i} \\cdot 7^{{{i}}} + 5$ " + ("is divided by 13." if i % 10 == 0 else "for even n.")


@contextmanager
def process(
    given: Recipe, root: str, folder: Path, name: str, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A run in a process of its own; `env` is added to its environment."""
    path = folder / f"{name}.json"
    path.write_text(given.model_dump_json(), encoding="utf-8")
    with (folder / f"{name}.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.flows.bare", str(path), root]
        child = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, env={**os.environ, **(env or {})})
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def slow(folder: Path, seconds: float) -> str:
    """A plan by which every reply takes its time."""
    folder.mkdir(exist_ok=True)
    path = folder / "slow.json"
    path.write_text(json.dumps({"shares": {"slow": 1}, "slow_seconds": seconds}), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(("where", "shards"), [("local", (2, 2)), ("s3", (2, 3))])
def test_two_processes_on_one_root_ask_everything_once_and_both_end_well(
    tmp_path: Path, request: pytest.FixtureRequest, where: str, shards: tuple[int, int]
) -> None:
    root = request.getfixturevalue("s3_root")() if where == "s3" else str(tmp_path / "root")
    try:
        given = [recipe(tmp_path, rows=8, shards=count, faults=slow(tmp_path, 0.05)) for count in shards]
        with process(given[0], root, tmp_path, "one") as one, process(given[1], root, tmp_path, "two") as two:
            codes = one.wait(timeout=200), two.wait(timeout=200)
        words = "".join((tmp_path / f"{name}.log").read_text(errors="replace")[-2000:] for name in ("one", "two"))
        assert codes == (0, 0), words
        counted = served(root)
        assert counted.total() == len(counted) == stored(root) > 8 * (6 + 3)
        assert (told(root).microusd, told(root).possibly_paid_attempts) == (bill(root), 0)
        assert rows_of(root, shards[0]) == rows_of(root, shards[1])
    finally:
        if where == "s3":
            shutil.rmtree(journal_of(root).parent, ignore_errors=True)


def rows_of(root: str, shards: int) -> str:
    """A digest of every row with all its columns after the last stage of the run with so many shards."""
    storage = Storage(root)
    [plan] = [plan for plan in plans.load_all(storage) if len(plan.shards) == shards]
    done = plans.chains(storage, plan)
    frames = [chains.rows(storage, shard, chain) for shard, chain in zip(plan.shards, done, strict=True)]
    return digest([len(chain) for chain in done[:1]] + pl.concat(frames).sort("problem_id").to_dicts())


def test_a_stopped_holder_that_wakes_up_changes_nothing_and_its_late_replies_are_spend(
    tmp_path: Path,
) -> None:
    """Its requests go on while it is stopped, and are answered: paid for, and asked again by who takes over."""
    root = str(tmp_path / "root")
    given = recipe(tmp_path, shards=1, faults=slow(tmp_path, 0.5))
    with process(given, root, tmp_path, "stopped") as stopped:
        deadline = time.monotonic() + 100
        while served(root).total() < 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(stopped.pid, signal.SIGSTOP)
        plan = run(recipe(tmp_path, shards=1), root)
        made, replies = outputs(root, plan), stored(root)
        os.kill(stopped.pid, signal.SIGCONT)
        assert stopped.wait(timeout=100) == 0, (tmp_path / "stopped.log").read_text(errors="replace")[-3000:]
    twice = {request: times for request, times in served(root).items() if times > 1}
    assert 0 < len(twice) <= 8
    assert set(twice.values()) == {2}
    assert outputs(root, plan) == made
    assert stored(root) == replies
    said = told(root)
    assert (said.microusd, said.possibly_paid_attempts) == (bill(root), 0)
    assert said.outrun_replies == len(twice)
    log = events(Storage(root)).filter(pl.col("status") == "reply")
    assert log.height == served(root).total()
    late = log.filter(pl.len().over("key") > 1)
    assert late.group_by("key").agg(pl.col("lease").n_unique())["lease"].to_list() == [2] * len(twice)
