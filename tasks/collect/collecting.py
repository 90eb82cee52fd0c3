"""Which rows are new, which of them are duplicates, and what is kept. Pure.

An *intake* is the set of rows first seen in one collect. While a source only grows, older intakes stand as
they are and their shards stay finished; if a row has vanished or changed, collecting starts anew (which costs
computing, but no reply: replies are found by key).

Verdict table (one row per row of the sources): row_id, source, source_id, locator, problem_id, verdict, reason,
detail, duplicate_of, similarity. Problem table (kept rows): see `PROBLEMS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from tasks.collect import duplicates
from tasks.collect.duplicates import Settings
from tasks.collect.semantic import Embed
from tasks.collect.source import RawRow
from tasks.collect.texts import Text
from tasks.rows.normal_form import normal_form
from tasks.rows.problem import bucket, normal_text, problem_id
from tasks.rows.verdict import Verdict

VERSION = 2


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


_AS_SHIPPED = Settings()

VERDICTS: dict[str, Any] = {
    **dict.fromkeys(
        ("row_id", "source", "source_id", "locator", "problem_id", "verdict", "reason", "detail", "duplicate_of"),
        pl.String,
    ),
    "similarity": pl.Float64,
}
PROBLEMS: dict[str, Any] = {
    "problem_id": pl.String,
    "bucket": pl.Int64,
    "row_id": pl.String,
    "source": pl.String,
    "source_id": pl.String,
    "url": pl.String,
    "licence": pl.String,
    "original": pl.String,
    "question": pl.String,
    "source_answer": pl.String,
    "about": pl.String,
    "normal_form": pl.String,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What is known of an older intake: which rows it saw."""

    digest: str
    upstream: str
    row_ids: Set[str]


def standing(intakes: Iterable[Intake], present: Set[str], genesis: str) -> list[str]:
    """Digests of the older intakes that stand, oldest first: each holds only rows that are still present.

    From `genesis` on, the child with the most rows is followed (ties by digest).
    """
    children: dict[str, list[Intake]] = {}
    for intake in intakes:
        if intake.row_ids <= present:
            children.setdefault(intake.upstream, []).append(intake)
    path, here = [], genesis
    while here in children:
        best = max(children[here], key=lambda intake: (len(intake.row_ids), intake.digest))
        path.append(best.digest)
        here = best.digest
    return path


def collect(
    rows: Sequence[RawRow],
    taken: Mapping[str, str],
    older: Sequence[Text] = (),
    settings: Settings = _AS_SHIPPED,
    embed: Embed | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Verdicts of all rows, and the problems that are kept, each sorted by identity.

    `taken` maps the normal forms that older intakes kept to their row ids, `older` are their texts. `embed` gives the
    vectors for semantic duplicates; else the texts are embedded here.
    """
    forms = {row.row_id: _form(row) for row in rows if _has_text(row)}
    answered_first = sorted((row for row in rows if row.row_id in forms), key=lambda row: row.answer is None)
    survivors = dict(taken)
    for row in answered_first:
        survivors.setdefault(forms[row.row_id], row.row_id)
    unlike = [row for row in answered_first if survivors[forms[row.row_id]] == row.row_id]
    texts = [Text(row.row_id, row.question, row.answer) for row in unlike]
    repeated = duplicates.find(older, texts, settings, embed)
    verdicts, problems = [], []
    for row in rows:
        form = forms.get(row.row_id, "")
        survivor = survivors.get(form, row.row_id)
        stands = duplicates.standing(survivor, repeated)
        if row.fault is not None:
            verdicts.append(_verdict(row, Verdict.QUARANTINE, Reason.UNREADABLE, detail=row.fault))
        elif not _has_text(row):
            verdicts.append(_verdict(row, Verdict.DROP, Reason.EMPTY))
        elif survivor != row.row_id:
            verdicts.append(_verdict(row, Verdict.DROP, Reason.DUPLICATE_EXACT, duplicate_of=stands))
        elif stands != row.row_id:
            one = repeated[row.row_id]
            reason = Reason(f"duplicate_{one.how}")
            verdicts.append(_verdict(row, Verdict.DROP, reason, duplicate_of=stands, similarity=one.similarity))
        else:
            verdicts.append(_verdict(row, Verdict.KEEP, None))
            problems.append(_problem(row, form))
    return sorted(verdicts, key=lambda v: str(v["row_id"])), sorted(problems, key=lambda p: str(p["problem_id"]))


def _form(row: RawRow) -> str:
    """What duplicates are told by: the normal form, or the text itself where that leaves nothing."""
    return normal_form(row.question) or normal_text(row.question)


def _has_text(row: RawRow) -> bool:
    return row.fault is None and bool(row.question.strip())


def _verdict(
    row: RawRow,
    verdict: Verdict,
    reason: Reason | None,
    detail: str | None = None,
    duplicate_of: str | None = None,
    similarity: float | None = None,
) -> dict[str, Any]:
    return {
        "row_id": row.row_id,
        "source": row.source,
        "source_id": row.source_id,
        "locator": row.locator,
        "problem_id": problem_id(row.question) if _has_text(row) else None,
        "verdict": verdict.value,
        "reason": reason.value if reason else None,
        "detail": detail,
        "duplicate_of": duplicate_of,
        "similarity": similarity,
    }


def _problem(row: RawRow, form: str) -> dict[str, Any]:
    identity = problem_id(row.question)
    return {
        "problem_id": identity,
        "bucket": bucket(identity),
        "row_id": row.row_id,
        "source": row.source,
        "source_id": row.source_id,
        "url": row.url,
        "licence": row.licence,
        "original": row.question,
        "question": row.question,
        "source_answer": row.answer,
        "about": row.about,
        "normal_form": form,
    }
