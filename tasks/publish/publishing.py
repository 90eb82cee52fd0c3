"""What is released, and the last look at every row before it is. Pure.

The released columns are DeepMath-103K's seven, with its types (https://huggingface.co/datasets/zwhe99/DeepMath-103K):

    question, final_answer, topic           string
    difficulty                              float64, in half steps
    r1_solution_1, r1_solution_2, r1_solution_3   string

    {"question": "Evaluate ...", "final_answer": "0", "difficulty": 5.5,
     "topic": "Mathematics -> Precalculus -> Limits", "r1_solution_1": "<think> ...", ...}
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from tasks.rows.normal_form import normal_form
from tasks.rows.verdict import Decision, drop, keep, quarantine

VERSION = 1

SCHEMA = pa.schema(
    [
        pa.field("question", pa.string()),
        pa.field("final_answer", pa.string()),
        pa.field("difficulty", pa.float64()),
        pa.field("topic", pa.string()),
        pa.field("r1_solution_1", pa.string()),
        pa.field("r1_solution_2", pa.string()),
        pa.field("r1_solution_3", pa.string()),
    ]
)


class Settings(BaseModel):
    """Publishing has no settings that bear on an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(StrEnum):
    """Why a row that all stages kept is not released."""

    DUPLICATE_QUESTION = "duplicate_question"
    """Dropped: after rewriting, its question is an exact copy of another released row's."""
    NOT_DECONTAMINATED = "not_decontaminated"
    """Quarantined: its question was rewritten after the last decontamination. Run that stage after it, too."""
    INCOMPLETE = "incomplete"
    """Quarantined: a released column would be empty."""


def check(rows: Sequence[Mapping[str, Any]]) -> list[Decision]:
    """One decision a row; of sound rows with the same question the one with the least `problem_id` stays."""
    faults = [_fault(row) for row in rows]
    first: dict[str, str] = {}
    for identity, form in sorted(
        (row["problem_id"], normal_form(row["question"]))
        for row, fault in zip(rows, faults, strict=True)
        if fault is None
    ):
        first.setdefault(form, identity)
    return [_check(row, fault, first) for row, fault in zip(rows, faults, strict=True)]


def _fault(row: Mapping[str, Any]) -> Reason | None:
    if row.get("decontaminated_question") != row["question"]:
        return Reason.NOT_DECONTAMINATED
    solutions = row.get("solutions") or ()
    texts = (row["question"], row.get("final_answer"), row.get("topic"), *solutions)
    whole = len(solutions) == 3 and all(text and text.strip() for text in texts)
    return None if whole and row.get("difficulty_rounded") is not None else Reason.INCOMPLETE


def _check(row: Mapping[str, Any], fault: Reason | None, first: Mapping[str, str]) -> Decision:
    if fault is not None:
        return quarantine(fault, {})
    if first[normal_form(row["question"])] != row["problem_id"]:
        return drop(Reason.DUPLICATE_QUESTION, {})
    return keep({})


def released(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """The data set of kept rows, in their order, in exactly `SCHEMA`."""
    return pa.Table.from_pylist(
        [
            {
                "question": row["question"],
                "final_answer": row["final_answer"],
                "difficulty": row["difficulty_rounded"],
                "topic": row["topic"],
                **{f"r1_solution_{i}": text for i, text in enumerate(row["solutions"], start=1)},
            }
            for row in rows
        ],
        schema=SCHEMA,
    )


def parquet(data: pa.Table) -> bytes:
    """The data set's file: same rows, same bytes."""
    buffer = io.BytesIO()
    pq.write_table(data, buffer, compression="zstd", row_group_size=1000)
    return buffer.getvalue()
