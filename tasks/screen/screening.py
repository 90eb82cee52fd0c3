"""The screen stage's decision on one row: rules first, then one structured question to a model. Pure.

A drop by rule costs nothing. The model judges what rules cannot, and turns a post into a clean question;
its rewrite must not change what can be counted in the problem (`tasks.screen.rewrite`), is asked for once
more when it does, and is never repaired by guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import UnreadableReply
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.structured import ask_structured
from tasks.models.template import fence, load, render
from tasks.rows.tables import Schema
from tasks.rows.verdict import Decision, drop, keep, quarantine
from tasks.screen.markup import plain
from tasks.screen.reasons import Reason
from tasks.screen.rewrite import changes
from tasks.screen.rules import screen

__all__ = ["COLUMNS", "EVIDENCE", "FILES", "VERSION", "Reason", "Screening", "Settings", "decide"]

VERSION = 3
"""To be raised with every change to the rules or to what counts as a changed rewrite."""
PROMPT = Path(__file__).with_name("prompt.md")
FILES = (PROMPT,)
"""The files whose text bears on the answer."""

COLUMNS: Schema = {
    "question": pl.String,
    "answer_type": pl.String,
    "screened_by": pl.String,
    "screen_note": pl.String,
    "screen_keys": pl.List(pl.String),
}
"""The question (clean where the row is kept, else as it came); the kind of its answer, None where no model
judged; `rules` or `model`; why, in at most 200 characters; the request keys."""

EVIDENCE: Mapping[str, Schema] = {}

_NOTE = 200
_ATTEMPTS = 2


class Settings(BaseModel):
    """What bears on the answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: bool = Field(default=True, description="Try the rules before the model is asked")
    max_tokens: int = Field(default=2048, gt=0, description="Longest reply of the screener, in tokens")
    temperature: float = Field(
        default=0.3, ge=0, le=2, description="Above 0, so that a second rewrite can differ from the first"
    )


class Screening(BaseModel):
    """The screener's reply."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str
    self_contained: bool
    single_question: bool
    verifiable: bool
    drop_reason: (
        Literal[
            "not_a_question",
            "proof",
            "yes_no",
            "multiple_choice",
            "multi_part",
            "missing_image",
            "answer_leaked",
            "not_self_contained",
            "invalid",
            "unverifiable",
        ]
        | None
    )
    answer_type: Literal[
        "number", "expression", "equation", "tuple", "interval", "set", "list", "matrix", "inequality", "text"
    ]
    question: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A row being screened; `columns` gives every decision the same columns."""

    question: str

    def columns(
        self,
        by: Literal["rules", "model"],
        note: str | None,
        keys: tuple[str, ...] = (),
        *,
        question: str | None = None,
        answer_type: str | None = None,
    ) -> dict[str, Any]:
        return {
            "question": self.question if question is None else question,
            "answer_type": answer_type,
            "screened_by": by,
            "screen_note": None if note is None else note[:_NOTE],
            "screen_keys": list(keys),
        }


def prompt(question: str, settings: Settings) -> Prompt:
    """The screener's prompt for one post."""
    return Prompt(
        messages=user(render(load(PROMPT), problem=fence("problem", plain(question)))),
        sampling=Sampling(max_tokens=settings.max_tokens, temperature=settings.temperature),
        schema=Screening,
    )


def verdict(screening: Screening) -> Reason | None:
    """The reason of a drop, or None. The named reason goes before the three judgements."""
    if screening.drop_reason is not None:
        return Reason(screening.drop_reason)
    if not screening.self_contained:
        return Reason.NOT_SELF_CONTAINED
    if not screening.single_question:
        return Reason.MULTI_PART
    return None if screening.verifiable else Reason.UNVERIFIABLE


async def decide(row: Mapping[str, Any], ask: Ask, settings: Settings) -> Decision:
    """Keep the row with a clean question, drop it for a `Reason`, or quarantine it.

    Columns: `COLUMNS`. Raises `EndpointError` when the endpoint gave no reply.
    """
    subject = _Row(row["question"])
    found = screen(subject.question, row["source_answer"]) if settings.rules else None
    if found is not None:
        return drop(found.reason, subject.columns("rules", found.matched))
    return await _ask_model(subject, ask, settings)


async def _ask_model(subject: _Row, ask: Ask, settings: Settings) -> Decision:
    asked = prompt(subject.question, settings)
    keys: tuple[str, ...] = ()
    note = ""
    for sample in range(_ATTEMPTS):
        try:
            screening, paid = await ask_structured(ask, asked, Screening, sample=sample)
        except UnreadableReply as fault:
            return quarantine(Reason.UNREADABLE_REPLY, subject.columns("model", str(fault), keys + fault.keys))
        keys += paid
        reason = verdict(screening)
        if reason is not None:
            return drop(reason, subject.columns("model", screening.reason, keys, answer_type=screening.answer_type))
        changed = changes(subject.question, screening.question)
        if not changed:
            columns = subject.columns(
                "model",
                screening.reason,
                keys,
                question=screening.question.strip(),
                answer_type=screening.answer_type,
            )
            return keep(columns)
        note = f"rewrite changed: {' '.join(changed)}"
    return quarantine(Reason.REWRITE_CHANGED, subject.columns("model", note, keys))
