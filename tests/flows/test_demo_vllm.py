"""A recipe on a real engine, from end to end: vLLM on this machine's CPU under Ray Serve, killed once at its work."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from tasks.ledger.contents import contents
from tasks.ledger.gpu import leases
from tasks.models import wire
from tasks.rows.storage import Storage
from tasks.rows.tables import decode
from tests.kill.witness import conserved

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / ".engine" / "models" / "smollm2-135m-instruct" / "config.json"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2700),
    pytest.mark.skipif(not MODEL.is_file(), reason="no engine environment: `make engine-env` makes it"),
]


@dataclass(kw_only=True)
class Run:
    """A run of the recipe, its processes known by a variable that all of them inherit, the engine's too."""

    home: Path
    groups: set[int] = field(default_factory=set)
    """Process groups of engines that were seen."""
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def storage(self) -> Storage:
        return Storage(str(self.home / "root"))

    def carry_out(self) -> None:
        """Run it, kill its engine after the first rating, and see it to its end."""
        command = [sys.executable, "-m", "flows", "demo", "--recipe", "demo_vllm", "--json", "--root"]
        with (self.home / "said").open("w") as said, (self.home / "log").open("w") as log:
            process = subprocess.Popen(
                [*command, self.storage.base],
                cwd=ROOT,
                env={**os.environ, "HF_HOME": str(self.home)},
                stdout=said,
                stderr=log,
            )
        killed = False
        while process.poll() is None:
            engines = [pid for pid, words in self.living() if "api_server" in words and "reap" not in words]
            self.groups |= {os.getpgid(pid) for pid in engines}
            if engines and not killed and self.outcomes("rater").height:
                os.kill(engines[0], signal.SIGKILL)
                killed = True
            time.sleep(1)
        assert process.returncode == 0, (self.home / "log").read_text()[-4000:]
        self.said = json.loads((self.home / "said").read_text())

    def living(self) -> Iterator[tuple[int, str]]:
        """(process, command line) of everything that belongs to the run."""
        mark = f"HF_HOME={self.home}".encode()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()

    def log(self) -> pl.DataFrame:
        """The whole attempt log, with requests and bodies."""
        names = ["kind", "key", "role", "status", "request", "body", "completion_tokens"]
        parts = [decode(data, names) for data in self.storage.read_all(contents(self.storage).names).values()]
        return pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(names, pl.String))

    def outcomes(self, role: str) -> pl.DataFrame:
        """The replies that a role has."""
        return self.log().filter(pl.col("kind") == "outcome", pl.col("status") == "reply", pl.col("role") == role)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, shared_prefect: Callable[[], AbstractContextManager[None]]) -> Run:
    made = Run(home=tmp_path_factory.mktemp("vllm"))
    with shared_prefect():
        made.carry_out()
    return made


def test_every_row_is_accounted_for(run: Run) -> None:
    funnel = run.said["status"]["funnel"]
    assert funnel[0]["rows_in"] == 12
    assert conserved(funnel)


@pytest.mark.parametrize("role", ["judge", "rater", "topic", "screener"])
def test_a_structured_role_answers_in_json_of_its_schema(run: Run, role: str) -> None:
    """All but replies that were cut by the length limit, which is an outcome of its own."""
    log = run.log()
    schemas = {
        key: json.loads(request)["response_schema"]
        for key, request in log.filter(pl.col("request").is_not_null()).select("key", "request").iter_rows()
    }
    replies = [(key, wire.reply(key, body)) for key, body in run.outcomes(role).select("key", "body").iter_rows()]
    whole = [(key, reply) for key, reply in replies if reply.finish_reason == "stop"]
    assert whole
    assert {reply.finish_reason for _, reply in replies} <= {"stop", "length"}
    for key, reply in whole:
        jsonschema.validate(json.loads(reply.content), schemas[key])


def test_the_solver_answers_in_its_own_words(run: Run) -> None:
    replies = [wire.reply(key, body) for key, body in run.outcomes("solver").select("key", "body").iter_rows()]
    assert replies
    assert all(reply.content.strip() for reply in replies)


def test_every_role_has_its_tokens_and_engine_time_in_the_spend(run: Run) -> None:
    lines = {line["group"]: line for line in run.said["spend"]["lines"]}
    assert set(lines) == {"decontaminate", "rate", "classify", "screen", "solve"}
    assert all(line["prompt_tokens"] and line["completion_tokens"] and line["card_ms"] for line in lines.values())
    assert run.said["spend"]["microusd"] == 0


def test_hours_are_split_four_ways_and_what_the_death_lost_is_wasted(run: Run) -> None:
    first, second = leases(run.storage)
    assert (first.died, first.restart, second.died, second.restart) == (True, False, False, True)
    (line,) = run.said["spend"]["engines"]
    parts = [line[f"{name}_ms"] for name in ("starting", "useful", "idle", "wasted")]
    assert sum(parts) == line["allocated_ms"]
    assert min(parts) > 0
    assert second.ready_ms is not None
    assert line["wasted_ms"] >= second.ready_ms - second.started_ms
    assert line["microusd"] > 0


def test_what_was_stored_before_the_death_was_not_asked_again(run: Run) -> None:
    replies = run.log().filter(pl.col("kind") == "outcome", pl.col("status") == "reply")
    assert replies["key"].n_unique() == replies.height


def test_nothing_outlives_the_run(run: Run) -> None:
    assert len(run.groups) == 2
    assert not list(run.living())
    for group in run.groups:
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)
