"""The screen stage's decision on one row: rules first, then one structured question to a model. Pure.

A drop by rule costs nothing. The model judges what rules cannot, and turns a post into a clean question;
its rewrite must not change what can be counted in the problem (`tasks.screen.rewrite`), is asked for once
more when it does, and is never repaired by guessing. Where the recipe says so, a question that can be guessed
(yes or no, one of several options) is first turned into an open one (`tasks.screen.conversion`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from tasks.screen import conversion
from tasks.screen.artefacts import without_artefacts
from tasks.screen.markup import plain
from tasks.screen.reasons import Reason
from tasks.screen.rewrite import changes
from tasks.screen.rules import screen

__all__ = ["COLUMNS", "EVIDENCE", "FILES", "VERSION", "Reason", "Screening", "Settings", "decide"]

VERSION = 5
"""To be raised with every change to the rules or to what counts as a changed rewrite."""
PROMPT = Path(__file__).with_name("prompt.md")
FILES = (PROMPT, conversion.PROMPT)
"""The files whose text bears on the answer."""

COLUMNS: Schema = {
    "question": pl.String,
    "source_answer": pl.String,
    "answer_type": pl.String,
    "converted_from": pl.String,
    "screened_by": pl.String,
    "screen_note": pl.String,
    "screen_keys": pl.List(pl.String),
}
"""The question (clean where the row is kept, else as it came); the source's answer to it (where the question was
converted: the text of the option that it named, or None); the kind of its answer, None where no model judged; the
reason for which it would have been dropped had it not been converted, else None; `rules` or `model`; why, in at most
200 characters; the request keys."""

EVIDENCE: Mapping[str, Schema] = {}

_NOTE = 200
_ATTEMPTS = 2


class Settings(BaseModel):
    """What bears on the answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: bool = Field(default=True, description="Try the rules before the model is asked")
    convert: bool = Field(
        default=False,
        description="Have role converter turn yes/no, true/false and multiple-choice questions into open ones; those"
        " without a faithful open form are dropped all the same",
    )
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row being screened; `columns` gives every decision the same columns.

    `asked` is the question that is judged (the post, or what it was converted to) and `answer` the source's answer
    to that; `keys` were paid for so far.
    """

    question: str
    source_answer: str | None
    asked: str
    answer: str | None
    converted_from: Reason | None = None
    keys: tuple[str, ...] = ()

    def columns(
        self,
        by: Literal["rules", "model"],
        note: str | None,
        *,
        question: str | None = None,
        answer_type: str | None = None,
    ) -> dict[str, Any]:
        return {
            "question": self.question if question is None else question,
            "source_answer": self.source_answer if question is None else self.answer,
            "answer_type": answer_type,
            "converted_from": self.converted_from,
            "screened_by": by,
            "screen_note": None if note is None else note[:_NOTE],
            "screen_keys": list(self.keys),
        }

    def paid(self, keys: tuple[str, ...]) -> _Row:
        return replace(self, keys=self.keys + keys)


def more_roles(settings: Settings) -> tuple[str, ...]:
    """Whom the stage asks besides the screener."""
    return ("converter",) if settings.convert else ()


def prompt(question: str, settings: Settings) -> Prompt:
    """The screener's prompt for one post."""
    return Prompt(
        messages=user(render(load(PROMPT), problem=fence("problem", plain(question)))),
        sampling=_sampling(settings),
        schema=Screening,
    )


def conversion_prompt(question: str, settings: Settings) -> Prompt:
    """The converter's prompt for one question."""
    return conversion.prompt(question, _sampling(settings))


def _sampling(settings: Settings) -> Sampling:
    return Sampling(max_tokens=settings.max_tokens, temperature=settings.temperature)


def verdict(screening: Screening) -> Reason | None:
    """The reason of a drop, or None. The named reason goes before the three judgements."""
    if screening.drop_reason is not None:
        return Reason(screening.drop_reason)
    if not screening.self_contained:
        return Reason.NOT_SELF_CONTAINED
    if not screening.single_question:
        return Reason.MULTI_PART
    return None if screening.verifiable else Reason.UNVERIFIABLE


async def decide(row: Mapping[str, Any], ask: Ask, settings: Settings, converter: Ask | None = None) -> Decision:
    """Keep the row with a clean question, drop it for a `Reason`, or quarantine it. `converter` is who converts, None
    where nobody does.

    Columns: `COLUMNS`. Raises `EndpointError` when the endpoint gave no reply.
    """
    text, answer = row["question"], row["source_answer"]
    subject = _Row(question=text, source_answer=answer, asked=text, answer=answer)
    found = screen(text, answer) if settings.rules else None
    if found is None:
        return await _ask_model(subject, ask, settings, converter)
    if converter is None or found.reason not in conversion.CONVERTIBLE:
        return drop(found.reason, subject.columns("rules", found.matched))
    return await _convert(subject, found.reason, ask, settings, converter)


async def _convert(subject: _Row, reason: Reason, ask: Ask, settings: Settings, converter: Ask) -> Decision:
    """Have the question converted, and then judged as any other. Without an open form it is dropped for `reason`."""
    sampling = _sampling(settings)
    try:
        made = await conversion.convert(subject.question, subject.source_answer, reason, converter, sampling)
    except UnreadableReply as fault:
        return _unreadable(subject, fault)
    subject = subject.paid(made.keys)
    if made.question is None:
        return drop(reason, subject.columns("model" if subject.keys else "rules", made.note))
    open_one = replace(subject, asked=made.question, answer=made.answer, converted_from=reason)
    return await _ask_model(open_one, ask, settings, None)


async def _ask_model(subject: _Row, ask: Ask, settings: Settings, converter: Ask | None) -> Decision:
    asked = prompt(subject.asked, settings)
    note = ""
    for sample in range(_ATTEMPTS):
        try:
            screening, paid = await ask_structured(ask, asked, Screening, sample=sample)
        except UnreadableReply as fault:
            return _unreadable(subject, fault)
        subject = subject.paid(paid)
        reason = _reason(subject, screening)
        if converter and reason in conversion.CONVERTIBLE:
            return await _convert(subject, reason, ask, settings, converter)
        judged = {"note": screening.reason, "answer_type": screening.answer_type}
        if reason is not None:
            return drop(reason, subject.columns("model", **judged))
        changed = changes(subject.asked, screening.question)
        if not changed:
            return keep(subject.columns("model", **judged, question=without_artefacts(screening.question)))
        note = f"rewrite changed: {' '.join(changed)}"
    return quarantine(Reason.REWRITE_CHANGED, subject.columns("model", note))


def _reason(subject: _Row, screening: Screening) -> Reason | None:
    """Why the row is dropped. An open question whose answer is words is no better than the one it came from."""
    words = subject.converted_from is not None and screening.answer_type == "text"
    return verdict(screening) or (subject.converted_from if words else None)


def _unreadable(subject: _Row, fault: UnreadableReply) -> Decision:
    return quarantine(Reason.UNREADABLE_REPLY, subject.paid(fault.keys).columns("model", str(fault)))
