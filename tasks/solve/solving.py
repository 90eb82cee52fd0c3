r"""Solutions of a problem by a reasoning model: three samples, reasoning and answer kept apart. Pure.

DeepMath-103K (https://arxiv.org/abs/2504.11456, section 2) keeps three DeepSeek-R1 solutions of every
problem. Wording, temperature and the missing system prompt follow the usage recommendations of DeepSeek-R1
(https://github.com/deepseek-ai/DeepSeek-R1#usage-recommendations).

This stage judges no answer. It only tells whether there is one to be judged: a solution that was cut by the
token limit, or that never comes to a `\boxed{...}`, is unknown and not wrong.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tasks.models import template
from tasks.models.prompt import Ask, Prompt, Reply, Sampling, user
from tasks.rows.tables import Schema
from tasks.rows.verdict import Decision, drop, keep, quarantine
from tasks.verify import consensus
from tasks.verify.gold import unverifiable

VERSION = 3

PROMPT = Path(__file__).with_name("prompt.md")
FILES = (PROMPT,)
"""The files whose text bears on the answer."""

COLUMNS: Schema = {
    "solutions": pl.List(pl.String),
    "reasoning_chars": pl.List(pl.Int64),
    "solution_keys": pl.List(pl.String),
    "solver_model": pl.String,
    "finish_reasons": pl.List(pl.String),
    "solve_note": pl.String,
    "second_solutions": pl.List(pl.String),
    "second_keys": pl.List(pl.String),
    "second_model": pl.String,
}
"""The lists go by sample. `solutions` are texts as `solution_text` makes them; `reasoning_chars` counts the
characters of the reasoning in them; `solver_model` is what the server called itself (joined by ", " where it
changed its name); `solve_note` says what is wrong with which samples, and is None for kept rows. The
`second_` columns are the same of the second solver, and None where it was not asked."""

EVIDENCE: Mapping[str, Schema] = {}

_OPEN, _CLOSE = "<think>", "</think>"
_TOKEN = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)


class Reason(StrEnum):
    """Why a problem does not pass."""

    TRUNCATED = "truncated"
    """Quarantined: a solution was cut by the token limit; more tokens would help, another try may not."""

    NO_ANSWER = "no_answer"
    r"""Quarantined: a solution was refused, filtered or broken off, or comes to no `\boxed{...}`."""

    UNVERIFIABLE = "unverifiable"
    """Dropped before anything is asked: the source's answer is a bare letter, yes or no, or a paragraph."""


class Settings(BaseModel):
    """What bears on the solutions."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    solutions: int = Field(default=3, ge=1, description="Solutions asked for, as samples 0, 1, ...")
    temperature: float = Field(default=0.6, ge=0, description="DeepSeek-R1 is meant for 0.5 to 0.7.")
    top_p: float = Field(default=0.95, gt=0, le=1, description="Nucleus sampling: probability mass kept.")
    max_tokens: int = Field(default=32768, ge=1, description="Most tokens of a solution and its reasoning.")
    sampling: Literal["all", "lazy"] = Field(
        default="all",
        description="`all` buys the solutions at once; `lazy` the next only while unanimity can still keep the row,"
        " so verify must not ask for a majority or a judge.",
    )
    second_solutions: int = Field(
        default=0, ge=0, description="Solutions asked of role second_solver, a model of another family, where the"
        " solver's have no fault; verify compares them under agreement: cross_family.",
    )  # fmt: skip


def identity(settings: Settings) -> Mapping[str, Any]:
    """What of the settings bears on the solutions. With lazy sampling the verifier's version does, and only then;
    a run that buys all solutions is the same run as one whose recipe names no sampling."""
    whole = settings.model_dump(mode="json", exclude={"sampling"} | _unused(settings))
    return whole if settings.sampling == "all" else {**whole, "sampling": "lazy", "verifier": consensus.VERSION}


def _unused(settings: Settings) -> set[str]:
    return set() if settings.second_solutions else {"second_solutions"}


def more_roles(settings: Settings) -> tuple[str, ...]:
    """Whom the stage asks besides the solver."""
    return ("second_solver",) if settings.second_solutions else ()


def question(text: str, settings: Settings) -> Prompt:
    """The question to the solver: one user turn, no system turn."""
    return Prompt(
        messages=user(template.render(template.load(PROMPT), problem=template.fence("problem", text))),
        sampling=Sampling(max_tokens=settings.max_tokens, temperature=settings.temperature, top_p=settings.top_p),
    )


def reasoning_and_answer(reply: Reply) -> tuple[str, str]:
    """The reasoning (may be empty) and the answer of a reply, white space at their ends trimmed.

    A server without a reasoning parser leaves both in the content, divided by `</think>`, often without the
    opening mark, which the chat template has already written. Content that opens reasoning and never closes
    it has no answer.
    """
    if reply.reasoning.strip():
        return reply.reasoning.strip(), reply.content.strip()
    thought, closed, answer = reply.content.rpartition(_CLOSE)
    if not closed and answer.lstrip().startswith(_OPEN):
        thought, answer = answer, ""
    return thought.strip().removeprefix(_OPEN).strip(), answer.strip()


def solution_text(reasoning: str, answer: str) -> str:
    r"""The released text: `<think>\n{reasoning}\n</think>\n\n{answer}`, or, without reasoning, the answer.

    This is how DeepSeek-R1 writes, so the same text serves for supervised training, whichever server gave it.
    """
    return f"{_OPEN}\n{reasoning}\n{_CLOSE}\n\n{answer}" if reasoning else answer


def has_box(text: str) -> bool:
    r"""Whether the text has a `\boxed{...}` with balanced braces and not blank inside. Linear time."""
    opened: list[int | None] = []  # where the inside of each open brace's box begins; None for other braces
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark.endswith("{") and mark != r"\{":
            opened.append(token.end() if mark != "{" else None)
        elif mark == "}" and opened:
            start = opened.pop()
            if start is not None and text[start : token.start()].strip():
                return True
    return False


Hopeful = Callable[[Sequence[str]], Awaitable[bool]]
"""Whether a row with these solutions, the first of all of them, can still be kept."""


async def decide(
    row: Mapping[str, Any], ask: Ask, settings: Settings, hopeful: Hopeful | None = None, second: Ask | None = None
) -> Decision:
    """Have one problem solved; one solution at a time while `hopeful`, where that is given.

    Then `second` solves it too, where the settings ask for that and the row may still be kept.

    Raises `EndpointError` when the endpoint gives no reply.
    """
    why = unverifiable(row.get("source_answer"), row.get("answer_type"))
    if why is not None:
        return drop(Reason.UNVERIFIABLE, {**dict.fromkeys(COLUMNS), "solve_note": f"the source's answer is {why}"})
    prompt = question(row["question"], settings)
    if hopeful is None:
        replies = await _replies(ask, prompt, settings.solutions)
    else:
        replies = await _one_by_one(ask, prompt, settings.solutions, hopeful)
    faults = _faults(replies, "sample")
    others: Sequence[Reply] = ()
    if second and settings.second_solutions and not faults and await _may_be_kept(replies, settings, hopeful):
        others = await _replies(second, prompt, settings.second_solutions)
        faults = _faults(others, "second solver's sample")
    parts = [reasoning_and_answer(reply) for reply in replies]
    columns = {
        "solutions": _texts(replies),
        "reasoning_chars": [len(reasoning) for reasoning, _ in parts],
        "solution_keys": [reply.key for reply in replies],
        "solver_model": ", ".join(sorted({reply.model for reply in replies})),
        "finish_reasons": [reply.finish_reason for reply in replies],
        "solve_note": "; ".join(f"{sample}: {note}" for sample, (_, note) in faults.items()) or None,
        "second_solutions": _texts(others) or None,
        "second_keys": [reply.key for reply in others] or None,
        "second_model": ", ".join(sorted({reply.model for reply in others})) or None,
    }
    reasons = {reason for reason, _ in faults.values()}
    if not reasons:
        return keep(columns)
    return quarantine(Reason.TRUNCATED if Reason.TRUNCATED in reasons else Reason.NO_ANSWER, columns)


async def _may_be_kept(replies: Sequence[Reply], settings: Settings, hopeful: Hopeful | None) -> bool:
    return hopeful is None or (len(replies) == settings.solutions and await hopeful(_texts(replies)))


def _texts(replies: Sequence[Reply]) -> list[str]:
    return [solution_text(*reasoning_and_answer(reply)) for reply in replies]


async def _replies(ask: Ask, prompt: Prompt, count: int) -> Sequence[Reply]:
    """All samples at once. When one fails the others still land: they are paid for."""
    outcomes = await asyncio.gather(*(ask(prompt, sample=index) for index in range(count)), return_exceptions=True)
    replies = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        replies.append(outcome)
    return replies


async def _one_by_one(ask: Ask, prompt: Prompt, count: int, hopeful: Hopeful) -> Sequence[Reply]:
    """Samples in order, up to the first that ends the row's hopes: by its own fault, or by what it answers."""
    replies: list[Reply] = []
    for index in range(count):
        reply = await ask(prompt, sample=index)
        replies.append(reply)
        if _fault(reply.finish_reason, reasoning_and_answer(reply)[1]):
            break
        if index < count - 1 and not await hopeful(_texts(replies)):
            break
    return replies


def _faults(replies: Sequence[Reply], name: str) -> dict[str, tuple[Reason, str]]:
    """What is wrong with which of the replies."""
    return {
        f"{name} {index}": fault
        for index, reply in enumerate(replies)
        if (fault := _fault(reply.finish_reason, reasoning_and_answer(reply)[1]))
    }


def _fault(finish_reason: str, answer: str) -> tuple[Reason, str] | None:
    """What keeps a solution from being judged, in a reason and in words; None where nothing does."""
    if finish_reason == "length":
        return Reason.TRUNCATED, "cut by the token limit"
    if finish_reason != "stop":
        return Reason.NO_ANSWER, f"ended with {finish_reason!r}"
    if not has_box(answer):
        return Reason.NO_ANSWER, r"no \boxed{...} after the reasoning"
    return None
