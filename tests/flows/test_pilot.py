"""A pilot is a random part of the whole: what it pays for the whole finds, and what it tells holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from tasks.estimate.assumptions import assumptions
from tasks.estimate.figures import interval
from tasks.estimate.pilot import SEEN, scaled, unreached
from tasks.estimate.worlds import Server

ROOT = Path(__file__).resolve().parents[2]
SERVERS: dict[str, Server | None] = {"screen": Server(), "rate": Server(), "verify": None}
WORLD = assumptions().worlds({})


def pool(rows: int, seed: int) -> pl.DataFrame:
    """Problems that pass three stages with chances and costs of their own: half of them are long and dear."""
    random = np.random.default_rng(seed)
    left, lines = np.arange(rows), []
    dear = random.random(rows) < 0.5
    for place, (stage, share) in enumerate({"screen": 0.7, "rate": 0.4, "verify": 0.3}.items()):
        kept = random.random(len(left)) < share
        tokens = random.integers(50, 150, len(left)) * (1 + 9 * dear[left]) * (stage != "verify")
        lines += [
            (place, stage, f"{problem}", bool(keeps), int(count > 0), count * 1e-5, int(count), int(count // 2))
            for problem, keeps, count in zip(left, kept, tokens, strict=True)
        ]
        left = left[kept]
    return pl.DataFrame(lines, schema=SEEN, orient="row")


@pytest.mark.parametrize("size", [60, 150])
def test_the_whole_lies_in_the_intervals_of_sixteen_of_twenty_pilots(size: int) -> None:
    whole = pool(3000, seed=1)
    usd, accepted = whole["usd"].sum(), whole.filter(pl.col("stage") == "verify")["kept"].sum()
    hits = {"rows": 0, "usd": 0, "requests": 0}
    for seed in range(20):
        chosen = [f"{one}" for one in np.random.default_rng(seed).choice(3000, size, replace=False)]
        taken = scaled(whole.filter(pl.col("problem_id").is_in(chosen)), 3000, SERVERS, WORLD, seed)
        hits["rows"] += interval(taken[-1].rows_out).holds(accepted)
        hits["usd"] += interval(np.sum([one.usd for one in taken], axis=0)).holds(usd)
        hits["requests"] += interval(np.sum([one.requests for one in taken], axis=0)).holds(whole["requests"].sum())
    assert all(count >= 16 for count in hits.values()), hits


def test_a_pilot_of_everything_leaves_nothing_to_guess() -> None:
    whole = pool(200, seed=2)
    taken = scaled(whole, 200, SERVERS, WORLD)
    accepted = interval(taken[-1].rows_out)
    assert accepted.low == accepted.high == whole.filter(pl.col("stage") == "verify")["kept"].sum()
    usd = interval(np.sum([one.usd for one in taken], axis=0))
    assert (usd.low, usd.high) == pytest.approx((whole["usd"].sum(), whole["usd"].sum()))


def test_stages_that_no_row_came_to_are_named() -> None:
    seen = pool(200, seed=3).filter(pl.col("stage") == "screen")
    assert unreached(list(SERVERS), seen) == ["rate", "verify"]


ROWS, PILOT, RATINGS = 40, 15, 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_run_pays_for_nothing_that_its_pilot_paid(tmp_path: Path, prefect: None) -> None:
    rows = [{"question": f"What is ${n}^2+{n}$?", "answer": str(n * n + n), "id": n} for n in range(ROWS)]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    recipe = {
        "name": "own",
        "sources": [{"name": "own", "path": str(tmp_path / "own.jsonl"), "licence": "MIT"}],
        "endpoints": {"rehearsal": {"kind": "rehearsal"}},
        "roles": {"rater": {"endpoint": "rehearsal", "model": "rehearsal/rater", "revision": "1"}},
        "stages": [{"stage": "rate", "samples": RATINGS, "gate": 1.0}],
        "shards": 2,
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")

    def said(*words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "flows", *words, "--root", str(tmp_path / "root"), "--runner", "threads"]
        done = subprocess.run([*command, "--json"], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-4000:]
        return dict(json.loads(done.stdout))

    told = said("estimate", str(tmp_path / "own.yaml"), "--pilot", str(PILOT))
    assert told["rows"] == ROWS
    assert told["stored_replies"] == PILOT * RATINGS
    assert told["free"] == [PILOT / ROWS]
    assert told["to_pay_usd"]["middle"] == pytest.approx(told["usd"]["middle"] * (1 - PILOT / ROWS))
    assert told["stages"][0]["requests"]["middle"] == ROWS * RATINGS
    whole = said("run", str(tmp_path / "own.yaml"))
    lines = {line["group"]: line for line in whole["spend"]["lines"]}
    assert lines["rate"]["replies"] == ROWS * RATINGS
    assert told["usd"]["low"] <= lines["rate"]["microusd"] / 1_000_000 <= told["usd"]["high"]
