"""Rows a second and peak memory of publishing: python -m tests.bench.publish [--rows 1000000] [--chars 400]

Made-up rows that went through all stages are written under a temporary root by one process, then published, in all
four forms, by another whose memory is measured. Every question, answer and solution is different, answers agree by
their text, and three lines of side tables and nine requests belong to each row.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter

from tasks.models.asker import ASKED
from tasks.publish.release import Release
from tasks.publish.task import publish
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard
from tasks.rows.shards import plan as plan_shards
from tasks.rows.storage import Storage
from tasks.stage import PlannedStage
from tasks.world import Where
from tests.tasks.publish.made import INTAKE, STAGES

_CLOSE = "\n</think>\n\nIt is $\\boxed{"
_CHAINS = TypeAdapter(list[list[Manifest]])
_SHARDS = TypeAdapter(list[Shard])
_FILLER = "We add the two and divide by what is left, which is not zero, so the step is allowed. "


def write(root: Path, rows: int, count: int, chars: int) -> None:
    """Write the rows, and beside them what publish is called with."""
    storage = Storage(str(root))
    ids = sorted(hashlib.sha256(str(n).encode()).hexdigest() for n in range(rows))
    frame = pl.DataFrame({"problem_id": ids}).with_row_index("n").with_columns(pl.col("n").cast(pl.Int64))
    del ids
    every = _columns(frame)
    seen = every.select("problem_id", verdict=pl.lit("keep"), reason=pl.lit(None, pl.String))
    intake = _commit(storage, "collect", "intake", "genesis", seen, problems=every.select(list(INTAKE)))
    shards = plan_shards(intake.digest, count)
    chains = [_chain(storage, intake, shard, every, chars) for shard in shards]
    (root / "chains.json").write_bytes(_CHAINS.dump_json(chains))
    (root / "shards.json").write_bytes(_SHARDS.dump_json(shards))


def _columns(frame: pl.DataFrame) -> pl.DataFrame:
    question = pl.format("What is {} + 17?", pl.col("n"))
    return frame.with_columns(
        bucket=pl.col("problem_id").str.slice(0, 3).str.to_integer(base=16),
        source=pl.lit("made"), source_id=pl.col("n").cast(pl.String), url=pl.lit("https://example.org"),
        licence=pl.lit("CC0-1.0"), original=question, question=question, source_answer=pl.lit(None, pl.String),
    )  # fmt: skip


def _chain(storage: Storage, intake: Manifest, shard: Shard, every: pl.DataFrame, chars: int) -> list[Manifest]:
    own = every.filter(pl.col("bucket").is_between(shard.low, shard.high, closed="left"))
    answer = (pl.col("n") + 17).cast(pl.String)
    filler = (_FILLER * (chars // len(_FILLER) + 1))[:chars]
    solution = [
        pl.concat_str(pl.lit("<think>\n"), "n", pl.lit(f" {i} {filler}{_CLOSE}"), answer, pl.lit("}$."))
        for i in range(3)
    ]
    whole = own.with_columns(
        verdict=pl.lit("keep"), reason=pl.lit(None, pl.String), answer_type=pl.lit("number"),
        decontaminated_question=pl.col("question"), difficulty_rounded=pl.lit(6.0),
        ratings=pl.concat_list([pl.lit(6.0)] * 6), solutions=pl.concat_list(solution), solver_model=pl.lit("m"),
        final_answer=answer, kept_by=pl.lit("unanimity"), verify_rule=pl.lit("same text"),
        topic=pl.lit("Mathematics -> Algebra -> Prealgebra"),
    )  # fmt: skip
    chain = [intake]
    for stage, schema in STAGES.items():
        sides = {"neighbours": _neighbours(own)} if stage == "decontaminate" else {}
        if stage in ("decontaminate", "rate", "solve"):
            sides["asked"] = _asked(own, stage)
        chain.append(_commit(storage, stage, shard.name, chain[-1].digest, whole.select(list(schema)), **sides))
    return chain


def _neighbours(own: pl.DataFrame) -> pl.DataFrame:
    near = own.select("problem_id").join(pl.DataFrame({"benchmark_id": [f"b{i}" for i in range(3)]}), how="cross")
    return near.with_columns(score=pl.lit(0.5))


def _asked(own: pl.DataFrame, stage: str) -> pl.DataFrame:
    lines = own.select("problem_id").join(pl.DataFrame({"i": range(3)}), how="cross")
    key = pl.format("{}{}", pl.col("problem_id").str.slice(1), pl.col("i"))
    made = lines.select(key=key, problem_id=pl.col("problem_id"), role=pl.lit(stage), microusd=pl.lit(5, pl.Int64))
    return made.select(list(ASKED)).sort("key")


def _commit(
    storage: Storage, stage: str, shard: str, upstream: str, verdicts: pl.DataFrame, **tables: pl.DataFrame
) -> Manifest:
    return manifests.commit(
        storage, stage=stage, fingerprint=hashlib.sha256(stage.encode()).hexdigest(), shard=shard, upstream=upstream,
        rows_in=verdicts.height, verdicts=verdicts, tables=tables,
    )  # fmt: skip


def measure(root: Path) -> dict[str, object]:
    """Publish what `write` wrote, and say how long it took and what this process needed."""
    chains = _CHAINS.validate_json((root / "chains.json").read_bytes())
    shards = _SHARDS.validate_json((root / "shards.json").read_bytes())
    before, began, cpu = _peak(), time.perf_counter(), time.process_time()
    planned = PlannedStage(stage="publish", fingerprint="f" * 64, settings={})
    release = Release(recipe="bench", models={"solver": "m@1"})
    made = publish.fn(planned, release, shards, chains, Where(root=str(root), run="bench"))
    took = time.perf_counter() - began
    size = sum(path.stat().st_size for path in (root / "datasets").rglob("*.parquet"))
    return {
        "rows": made.kept,
        "seconds": round(took, 1),
        "rows/s": round(made.kept / took),
        "rows per CPU second": round(made.kept / (time.process_time() - cpu)),
        "peak RSS MiB": _peak(),
        "RSS before MiB": before,
        "data set MiB": size >> 20,
        "files": len([one for one in made.files if one.startswith("dataset/")]),
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main() -> int:
    """Write, then publish in a process of its own; print JSON."""
    parser = argparse.ArgumentParser(description="Rows a second and peak memory of publishing")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--chars", type=int, default=400, help="characters of reasoning in each solution")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--publish", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.write, given.rows, given.shards, given.chars)
    elif given.publish:
        print(json.dumps(measure(given.publish), indent=1))
    else:
        with tempfile.TemporaryDirectory(prefix="bench-publish-") as root:
            command = [sys.executable, "-m", "tests.bench.publish", "--rows", str(given.rows)]
            command += ["--shards", str(given.shards), "--chars", str(given.chars)]
            subprocess.run([*command, "--write", root], check=True)
            subprocess.run([*command, "--publish", root], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
