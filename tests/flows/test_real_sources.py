"""Real forum posts and a real contaminated set, through collect, screen and decontaminate."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

from flows import plan as plans
from tasks.report.fates import fates
from tasks.rows.storage import Storage

pytestmark = [pytest.mark.slow, pytest.mark.labelled, pytest.mark.timeout(1800)]
ROOT = Path(__file__).resolve().parents[2]
ROWS, LOOKED_AT, ONE_IN = 100, 500, 10
REHEARSAL = {"endpoint": "rehearsal", "revision": "1"}


def recipe(labelled: Path, folder: Path) -> Path:
    """Forum posts without answers, and rows of a training set, those first that are MATH-test problems.

    The benchmark is those problems among every tenth of MATH-test: embedding all of it takes minutes.
    """
    with (labelled / "raw" / "simplerl_math_level3to5.jsonl").open(encoding="utf-8") as lines:
        looked_at = list(itertools.islice(lines, LOOKED_AT))
    flagged = [line for line in looked_at if json.loads(line)["in_math_test_5000"]]
    others = [line for line in looked_at if line not in flagged]
    (folder / "simplerl.jsonl").write_text("".join((flagged + others)[:ROWS]), encoding="utf-8")
    repeated = {json.loads(line)["question"].strip() for line in flagged}
    with (labelled / "benchmarks" / "math_test.jsonl").open(encoding="utf-8") as lines:
        known = [
            line
            for i, line in enumerate(lines)
            if i % ONE_IN == 0 or json.loads(line)["question"].strip() in repeated
        ]
    (folder / "math_test.jsonl").write_text("".join(known), encoding="utf-8")
    benchmark = {"name": "math-test", "path": str(folder / "math_test.jsonl")}
    given = {
        "name": "real-sources",
        "sources": [
            {"name": "simplerl", "path": str(folder / "simplerl.jsonl"), "licence": "MIT"},
            {"name": "mse", "path": str(labelled / "raw" / "mse_arqmath.jsonl"), "licence": "CC-BY-SA-4.0"},
        ],
        "endpoints": {"rehearsal": {"kind": "rehearsal"}},
        "roles": {role: {**REHEARSAL, "model": f"rehearsal/{role}"} for role in ("screener", "judge")},
        "stages": [{"stage": "screen"}, {"stage": "decontaminate", "benchmarks": [benchmark]}],
        "shards": 1,
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    return path


def test_the_flagged_rows_are_found(labelled_data: Path, tmp_path: Path, prefect: None) -> None:
    root = tmp_path / "root"
    command = [sys.executable, "-m", "flows", "run", str(recipe(labelled_data, tmp_path)), "--root", str(root)]
    done = subprocess.run(
        [*command, "--json", "--runner", "threads"], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    storage = Storage(str(root))
    plan = plans.load(storage, json.loads(done.stdout)["status"]["run"])
    chains = plans.chains(storage, plan)
    last = plans.published(storage, plan, chains)
    assert last is not None
    rows = fates(storage, plan.intakes, chains, last)
    assert rows.height == ROWS + 298
    assert rows.filter(pl.col("source") == "mse").height == 298
    text = (tmp_path / "simplerl.jsonl").read_text(encoding="utf-8")
    flagged = {row["id"] for row in map(json.loads, text.splitlines()) if row["in_math_test_5000"]}
    reached = rows.filter(pl.col("source_id").is_in(list(flagged)), ~pl.col("stage").is_in(["collect", "screen"]))
    assert reached.height > len(flagged) * 0.9
    missed = reached.filter((pl.col("stage") != "decontaminate") | (pl.col("reason") != "contaminated"))
    assert missed.is_empty()
