"""A pool of made-up rows that went through stages, as manifests under a root: what publish reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.models.asker import ASKED
from tasks.rows import manifest as manifests
from tasks.rows.fingerprint import digest_bytes
from tasks.rows.manifest import Manifest
from tasks.rows.problem import bucket, problem_id
from tasks.rows.shards import Shard, plan
from tasks.rows.storage import Storage
from tasks.rows.tables import table

INTAKE = dict.fromkeys(("problem_id", "source", "source_id", "url", "licence", "original", "question"), pl.String) | {
    "source_answer": pl.String,
    "bucket": pl.Int64,
}
_BASE = dict.fromkeys(("problem_id", "verdict", "reason"), pl.String)
STAGES: Mapping[str, Mapping[str, Any]] = {
    "screen": {**_BASE, "question": pl.String, "answer_type": pl.String},
    "decontaminate": {**_BASE, "decontaminated_question": pl.String},
    "rate": {**_BASE, "difficulty_rounded": pl.Float64, "ratings": pl.List(pl.Float64)},
    "solve": {**_BASE, "solutions": pl.List(pl.String), "solver_model": pl.String},
    "verify": {**_BASE, "final_answer": pl.String, "kept_by": pl.String, "verify_rule": pl.String},
    "classify": {**_BASE, "topic": pl.String},
}
NEIGHBOURS = {"problem_id": pl.String, "benchmark_id": pl.String, "score": pl.Float64}


def row(text: str, answer: str = "41", **other: Any) -> dict[str, Any]:
    """A whole row with all columns; whatever is given wins."""
    solutions = [f"<think>\nPerhaps {n}.\n</think>\n\nSo it is $\\boxed{{{answer}}}$." for n in range(3)]
    return {
        "problem_id": problem_id(text),
        "bucket": bucket(problem_id(text)),
        "source": "forum",
        "source_id": text[-4:],
        "url": "https://example.org/q",
        "licence": "CC-BY-SA-4.0",
        "original": text,
        "question": text,
        "source_answer": None,
        "answer_type": "number",
        "decontaminated_question": text,
        "difficulty_rounded": 5.5,
        "ratings": [5.0, 6.0, 5.5],
        "solutions": solutions,
        "solver_model": "m",
        "final_answer": answer,
        "kept_by": "unanimity",
        "verify_rule": "same text",
        "topic": "Mathematics -> Algebra -> Prealgebra",
        **other,
    }


def through(
    storage: Storage, rows: Sequence[Mapping[str, Any]], count: int, intake_name: str = "intake"
) -> tuple[list[Shard], list[list[Manifest]]]:
    """One intake and `count` shards of it, each through all of `STAGES`, which keep every row."""
    ordered = sorted(rows, key=lambda one: str(one["problem_id"]))
    seen = [{"problem_id": one["problem_id"], "verdict": "keep"} for one in ordered]
    problems = table([{name: one.get(name) for name in INTAKE} for one in ordered], INTAKE)
    intake = _commit(storage, "collect", intake_name, "genesis", table(seen, _BASE), problems=problems)
    shards = plan(intake.digest, count)
    return shards, [_chain(storage, intake, shard, ordered) for shard in shards]


def _chain(storage: Storage, intake: Manifest, shard: Shard, rows: Sequence[Mapping[str, Any]]) -> list[Manifest]:
    own = [one for one in rows if shard.low <= one["bucket"] < shard.high]
    chain = [intake]
    for stage, schema in STAGES.items():
        lines = [{**{name: one.get(name) for name in schema}, "verdict": "keep", "reason": None} for one in own]
        sides = {"asked": _asked(stage, own)} if stage in ("rate", "solve") else {}
        if stage == "decontaminate":
            sides["neighbours"] = table(
                [
                    {"problem_id": one["problem_id"], "benchmark_id": f"b{n}", "score": 0.5}
                    for one in own
                    for n in range(5)
                ],
                NEIGHBOURS,
            )
        chain.append(_commit(storage, stage, shard.name, chain[-1].digest, table(lines, schema), **sides))
    return chain


def _asked(stage: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    lines = [
        {"key": digest_bytes(f"{stage}{one['problem_id']}{n}".encode()), "role": stage, "microusd": 10 * n}
        | {"problem_id": one["problem_id"]}
        for one in rows
        for n in range(3)
    ]
    return table(sorted(lines, key=lambda one: one["key"]), ASKED)


def _commit(
    storage: Storage, stage: str, shard: str, upstream: str, verdicts: pl.DataFrame, **tables: pl.DataFrame
) -> Manifest:
    return manifests.commit(
        storage, stage=stage, fingerprint=digest_bytes(stage.encode()), shard=shard, upstream=upstream,
        rows_in=verdicts.height, verdicts=verdicts, tables=tables,
    )  # fmt: skip
