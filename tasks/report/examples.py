"""Rows to look at: some of the data set, and some that each stage took out, for each of its reasons.

Which ones does not depend on shards or their order: always those with the least row or problem ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from tasks.report.counts import columns
from tasks.report.facts import Example
from tasks.report.questions import questions
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tasks.rows.verdict import Verdict

KEPT, LOST = 6, 2
"""Examples of the data set, and of each stage's reason."""
_NOTES = {
    "collect": ("detail", "duplicate_of"),
    "screen": ("answer_type", "screened_by", "screen_note"),
    "decontaminate": ("contaminated_by", "contaminated_how", "nearest_benchmark_id", "nearest_score"),
    "rate": ("difficulty", "ratings"),
    "solve": ("finish_reasons", "solve_note"),
    "verify": ("answers", "verify_rule"),
    "classify": ("topic", "topic_note"),
}
_OF_KEPT = {
    "screen": ("answer_type",),
    "rate": ("difficulty",),
    "verify": ("final_answer", "agreed_with_source"),
    "classify": ("topic",),
}


def examples(
    storage: Storage, intakes: Sequence[Manifest], later: Sequence[Manifest], released: pl.Series
) -> list[Example]:
    """Of the data set first, then of what was taken out, by stage and reason. `later` are all but the intakes."""
    lost = list(_lost(storage, [*intakes, *later]))
    chosen = released.sort().head(KEPT)
    texts = questions(storage, intakes, later, [*chosen, *(row["problem_id"] for row in lost)])
    return [
        *(
            Example(row=one[:12], stage="publish", verdict=Verdict.KEEP, reason="", question=texts[one], notes=notes)
            for one, notes in _kept(storage, chosen, later).items()
        ),
        *(_example(row, texts) for row in lost),
    ]


def _lost(storage: Storage, done: Sequence[Manifest]) -> Iterator[Mapping[str, Any]]:
    """Rows with stage, verdict, reason and notes."""
    stages = list(dict.fromkeys(one.stage for one in done))
    for stage in stages:
        own = [_few(storage, one) for one in done if one.stage == stage and one.rows_in > one.kept]
        if own:
            rows = pl.concat(own).sort("verdict", "reason", "id")
            few = rows.group_by("verdict", "reason", maintain_order=True).head(LOST)
            yield from few.with_columns(stage=pl.lit(stage)).iter_rows(named=True)


def _few(storage: Storage, manifest: Manifest) -> pl.DataFrame:
    """Of one shard the first rows of each reason."""
    where = ("source", "locator") if manifest.stage == "collect" else ()
    names = ("problem_id", "row_id", "verdict", "reason", *where, *_NOTES.get(manifest.stage, ()))
    rows = columns(storage, manifest, names).filter(pl.col("verdict") != Verdict.KEEP.value)
    identity = "row_id" if "row_id" in rows.columns else "problem_id"
    return rows.with_columns(id=pl.col(identity)).sort("id").group_by("verdict", "reason").head(LOST)


def _kept(storage: Storage, chosen: pl.Series, later: Sequence[Manifest]) -> dict[str, dict[str, str]]:
    """What the stages wrote of some rows of the data set, by problem."""
    found: dict[str, dict[str, str]] = {one: {} for one in chosen}
    for one in later:
        if names := _OF_KEPT.get(one.stage):
            rows = columns(storage, one, ("problem_id", *names)).filter(pl.col("problem_id").is_in(chosen.implode()))
            for row in rows.iter_rows(named=True):
                found[row["problem_id"]] |= _noted(row, names)
    return found


def _example(row: Mapping[str, Any], texts: Mapping[str, str]) -> Example:
    name = row["problem_id"][:12] if row["problem_id"] else f"{row['source']} {row['locator']}"
    return Example(
        row=name,
        stage=row["stage"],
        verdict=row["verdict"],
        reason=row["reason"] or "",
        question=texts.get(row["problem_id"] or "", ""),
        notes=_noted(row, _NOTES.get(row["stage"], ())),
    )


def _noted(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    return {name: _words(row[name]) for name in names if row.get(name) is not None}


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    return ", ".join("-" if one is None else _words(one) for one in value) if isinstance(value, list) else str(value)
