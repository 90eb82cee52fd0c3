"""The whole pipeline on a real engine: vLLM on this machine's CPU under Ray Serve, killed once while it works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import plan as plans
from tasks.ledger.gpu import leases
from tasks.ledger.spend import events
from tasks.rows.storage import Storage

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / ".engine" / "models" / "smollm2-135m-instruct" / "config.json"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not ENGINE.is_file(), reason="no engine environment: `make engine-env` makes it"),
]
COMMAND = [sys.executable, "-m", "flows", "demo", "--recipe", "demo_vllm", "--json", "--root"]


def engines_of(root: Path) -> list[int]:
    """The vLLM servers that work for a run under this root: those whose keeper's log names its run."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=1) for line in listed.splitlines()[1:]]
    python = str(ROOT / ".engine")
    return [int(pid) for pid, args in rows if args.startswith((".engine/venv", python)) and "api_server" in args]


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, errors = process.communicate()
    assert process.returncode == 0, errors[-4000:]
    return dict(json.loads(out))


def start(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, str(root)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vllm") / "root"


@pytest.fixture(scope="module")
def said(root: Path) -> dict[str, Any]:
    """A run whose engine is killed once it has answered a few requests."""
    before = set(engines_of(root))
    process = start(root)
    while process.poll() is None and replies(root).height < 6:
        time.sleep(0.5)
    for pid in set(engines_of(root)) - before:
        os.kill(pid, signal.SIGKILL)
    found = finished(process)
    assert set(engines_of(root)) <= before  # nothing outlives its run
    return found


def replies(root: Path) -> pl.DataFrame:
    log = events(Storage(str(root)))
    return log.filter(pl.col("status") == "reply")


def test_every_row_is_accounted_for_and_every_role_was_asked(root: Path, said: dict[str, Any]) -> None:
    for step in said["status"]["funnel"]:
        assert step["rows_in"] == step["kept"] + sum(step["dropped"].values()) + sum(step["quarantined"].values())
    log = replies(root)
    assert set(log["role"]) == {"rater", "judge", "screener", "solver", "topic"}
    assert log["completion_tokens"].sum() > 0
    assert log["key"].n_unique() == log.height  # what was stored before the death was not asked again


def test_structured_answers_are_json_of_their_schema(root: Path, said: dict[str, Any]) -> None:
    storage = Storage(str(root))
    plan = plans.load(storage, said["status"]["run"])
    rate = next(step for step in said["status"]["funnel"] if step["stage"] == plan.stages[0].stage)
    assert rate["kept"] > 0  # each rested on ratings that could be read


def test_the_hours_are_split_and_the_lost_ones_are_wasted(root: Path, said: dict[str, Any]) -> None:
    lives = leases(Storage(str(root)))
    assert [(life.died, life.restart) for life in lives[:2]] == [(True, False), (False, True)]
    (line,) = said["spend"]["engines"]
    parts = [line[f"{name}_ms"] for name in ("starting", "useful", "idle", "wasted")]
    assert sum(parts) == line["allocated_ms"] and min(parts) > 0
    assert lives[1].ready_ms is not None
    assert line["wasted_ms"] >= lives[1].ready_ms - lives[1].started_ms
    useful = sum(group["card_ms"] for group in said["spend"]["lines"])
    assert abs(useful - line["useful_ms"]) <= len(said["spend"]["lines"])
    assert said["spend"]["microusd"] == 0 < line["microusd"]


def test_a_second_run_asks_nothing_and_starts_no_engine(root: Path, said: dict[str, Any]) -> None:
    before = replies(root).height, len(leases(Storage(str(root))))
    again = finished(start(root))
    assert (replies(root).height, len(leases(Storage(str(root))))) == before
    assert again["status"] == said["status"]
