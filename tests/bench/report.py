"""Seconds and memory of a report over many rows: python -m tests.bench.report [--rows 100000]

The tables are those of a run of the demo's recipe in which every row comes through, made up and written shard by
shard; solutions are long, and a report must not read them. The ledger is empty. The report is made in a process of
its own, whose memory at its highest is told beside that of one over a few rows. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from flows import plan as plans
from flows import report
from flows.demo import write_sources
from flows.plan import Plan
from flows.recipe import load
from flows.stages import PER_SHARD
from tasks.collect.collecting import PROBLEMS, VERDICTS
from tasks.report.html.page import page
from tasks.rows import manifest as manifests
from tasks.rows.fingerprint import digest
from tasks.rows.manifest import FileRef
from tasks.rows.problem import bucket, problem_id
from tasks.rows.storage import Storage
from tests.bench.memory import peak

SHARDS, CHARACTERS = 16, 6_000


def write(root: str, count: int) -> None:
    """A finished run of `count` rows."""
    storage = Storage(root)
    texts = [f"What is the sum of the first {number} positive integers?" for number in range(count)]
    ids = [problem_id(text) for text in texts]
    made: dict[str, Any] = {"problem_id": ids, "row_id": ids, "source": ["made up"] * count, "question": texts}
    own = [made, {**made, "bucket": [bucket(one) for one in ids], "verdict": ["keep"] * count}]
    problems, verdicts = (_table(one, columns) for one, columns in zip(own[::-1], (PROBLEMS, VERDICTS), strict=True))
    verdicts = verdicts.with_columns(verdict=pl.lit("keep"))
    intake = manifests.commit(storage, stage="collect", fingerprint="0" * 64, shard="intake", upstream="0" * 64,
                              rows_in=count, verdicts=verdicts, tables={"problems": problems})  # fmt: skip
    write_sources(Path(".demo/sources"))
    recipe = load("demo").model_copy(update={"shards": SHARDS})
    plan = plans.make(recipe, [intake])
    plans.save(storage, plan)
    plans.note_start(storage, plan, recipe)
    ends = [_through(storage, plan, number, problems) for number in range(len(plan.shards))]
    kept = pl.DataFrame({"problem_id": ids, "verdict": ["keep"] * count}).with_columns(reason=pl.lit(None, pl.String))
    card = FileRef(name="datasets/made-up/README.md", digest="0" * 64, rows=count)
    manifests.commit(storage, stage="publish", fingerprint=plan.publish.fingerprint, shard="all",
                     upstream=digest(sorted(ends)), rows_in=count, verdicts=kept, tables={},
                     also={"dataset": card})  # fmt: skip


def _through(storage: Storage, plan: Plan, number: int, problems: pl.DataFrame) -> str:
    """One shard through all stages; gives its last manifest's digest."""
    shard = plan.shards[number]
    rows = problems.filter(pl.col("bucket") >= shard.low, pl.col("bucket") < shard.high).sort("problem_id")
    solution = "So the sum is as it was before, and one more number comes to it. " * (CHARACTERS // 65)
    solutions = [[f"{one} {i} {solution}" for i in range(3)] for one in rows["problem_id"]]
    told: dict[str, dict[str, Any]] = {
        "screen": {"question": rows["question"], "answer_type": ["number"] * len(rows)},
        "decontaminate": {"nearest_benchmark_id": ["made/up"] * len(rows), "nearest_score": [0.5] * len(rows)},
        "rate": {"difficulty_rounded": [6.0] * len(rows), "rating_spread": [0.3] * len(rows)},
        "solve": {
            "solutions": solutions,
            "solution_keys": [[f"{one}{i}" for i in range(3)] for one in rows["row_id"]],
        },
        "classify": {"topic": ["Mathematics -> Algebra -> Other"] * len(rows)},
    }
    upstream = plan.intake_of(shard).digest
    for planned in plan.stages:
        stage = PER_SHARD[planned.stage].stage
        base = {"problem_id": pl.String, "verdict": pl.String, "reason": pl.String}
        values = {"problem_id": rows["problem_id"], "verdict": ["keep"] * len(rows), **told.get(planned.stage, {})}
        evidence = {
            name: pl.DataFrame(schema={"problem_id": pl.String, **one}) for name, one in stage.evidence.items()
        }
        upstream = manifests.commit(
            storage, stage=planned.stage, fingerprint=planned.fingerprint, shard=shard.name, upstream=upstream,
            rows_in=len(rows), verdicts=_table(values, {**base, **stage.columns}), tables=evidence,
        ).digest  # fmt: skip
    return upstream


def _table(values: dict[str, Any], columns: Any) -> pl.DataFrame:
    """The values of those columns; the others are null."""
    count = len(values["problem_id"])
    return pl.DataFrame({name: values.get(name, [None] * count) for name in columns}, schema=dict(columns))


def look(root: str) -> dict[str, float]:
    """Make the report, and say what it took of this process."""
    began, storage = time.perf_counter(), Storage(root)
    found = report.facts(storage, plans.latest(storage))
    length = len(page(found))
    return {
        "rows": found.rows,
        "seconds to make the report": round(time.perf_counter() - began, 1),
        "peak RSS MiB": peak(os.getpid()),
        "KiB of the page": length >> 10,
    }


def _looked(root: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.report", "--look", root]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.report", description="A report over many rows")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--look", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.look:
        print(json.dumps(look(given.look)))
        return 0
    with TemporaryDirectory() as folder:
        for name, count in (("few", SHARDS * 4), ("many", given.rows)):
            write(f"{folder}/{name}", count)
        found = {name: _looked(f"{folder}/{name}") for name in ("few", "many")}
    print(json.dumps({"characters of a solution": CHARACTERS, **found}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
