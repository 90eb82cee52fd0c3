"""What rows are told by while duplicates are looked for, and what is said of them in the end. Pure.

Verdict table (one row per row of the sources): `VERDICTS`, by `row_id`. Kept rows: `PROBLEMS`, and the names that
later rows are held against, `NAMES`; both by `problem_id`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import polars as pl

from tasks.collect.duplicates import Settings
from tasks.collect.names import COMPARED, names
from tasks.collect.source import RawRow
from tasks.rows.problem import problem_id
from tasks.rows.tables import Schema
from tasks.rows.verdict import Verdict

VERSION = 3


class Reason(StrEnum):
    """Why a row is not collected."""

    UNREADABLE = "unreadable"
    """Quarantined: the line is no JSON object with a question; `detail` says what is wrong."""
    EMPTY = "empty"
    """Dropped: the question has no text."""
    DUPLICATE_EXACT = "duplicate_exact"
    """Dropped: same normal form as another row. Of several, the first with a source answer stays, else the first."""
    DUPLICATE_NEAR = "duplicate_near"
    """Dropped: another row's problem in nearly its words, see `near`; `similarity` says how nearly."""
    DUPLICATE_SEMANTIC = "duplicate_semantic"
    """Dropped: another row's problem in other words, see `semantic`; `similarity` is the cosine."""


_PLACE = ("row_id", "source", "source_id", "locator", "problem_id")
VERDICTS: Schema = {
    **dict.fromkeys((*_PLACE, "verdict", "reason", "detail", "duplicate_of"), pl.String),
    "similarity": pl.Float64,
}
PROBLEMS: Schema = {
    "problem_id": pl.String,
    "bucket": pl.Int64,
    **dict.fromkeys(("row_id", "source", "source_id", "url", "licence"), pl.String),
    **dict.fromkeys(("original", "question", "source_answer", "about"), pl.String),
}
NAMES: Schema = dict.fromkeys(("problem_id", "row_id", "form", *COMPARED, "group"), pl.String)
GATHERED: Schema = {
    "place": pl.Int64,
    **dict.fromkeys((*_PLACE, "url", "licence", "question", "answer", "about"), pl.String),
    **dict.fromkeys(("form", *COMPARED, "group", "survivor"), pl.String),
}
"""A new row with a text. `place` is its number among the new rows; `survivor` the row with its form that stands."""


def has_text(row: RawRow) -> bool:
    """Whether a row can be a problem."""
    return row.fault is None and bool(row.question.strip())


def gathered(row: RawRow, place: int, settings: Settings) -> dict[str, Any]:
    """A row with a text, as `GATHERED` has it before copies are looked for."""
    return {
        "place": place,
        **_origin(row),
        "problem_id": problem_id(row.question),
        "url": row.url,
        "licence": row.licence,
        "question": row.question,
        "answer": row.answer,
        "about": row.about,
        **names(row.question, row.answer, settings)._asdict(),
        "survivor": row.row_id,
    }


def unfit(row: RawRow) -> dict[str, Any]:
    """The verdict on a row without a text."""
    if row.fault is None:
        return {**_origin(row), "verdict": Verdict.DROP.value, "reason": Reason.EMPTY.value}
    said = {"verdict": Verdict.QUARANTINE.value, "reason": Reason.UNREADABLE.value, "detail": row.fault}
    return {**_origin(row), **said}


def problems(rows: pl.DataFrame) -> pl.DataFrame:
    """Kept rows of `GATHERED` as problems with their names, sorted; columns of `PROBLEMS` and `NAMES`."""
    return rows.sort("problem_id").with_columns(
        bucket=pl.col("problem_id").str.slice(0, 3).str.to_integer(base=16),
        original="question",
        source_answer="answer",
    )


def _origin(row: RawRow) -> dict[str, Any]:
    return {"row_id": row.row_id, "source": row.source, "source_id": row.source_id, "locator": row.locator}
