"""A model's judgement on pairs of answers that rules leave undecided; asked only where the settings say so. Pure.

A model is never asked about a pair that rules decide, and only about rows that its judgements could still keep. Each
pair is judged in both orders; anything but twice the same verdict leaves it undecided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from tasks.errors import UnreadableReply
from tasks.models import template
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.structured import ask_structured
from tasks.rows.fingerprint import digest_bytes
from tasks.rows.tables import Schema
from tasks.rows.verdict import Decision, Verdict
from tasks.verify import consensus
from tasks.verify.consensus import Case, Reason, Settings, Table
from tasks.verify.outcome import Comparison, Equality

ROLE = "answer_judge"
PROMPT = Path(__file__).with_name("judge.md")
EVIDENCE: Mapping[str, Schema] = {
    **consensus.EVIDENCE,
    "judgements": dict.fromkeys(
        ("left", "right", "undecided_by", "verdict_forward", "verdict_backward", "key_forward", "key_backward"),
        pl.String,
    ),
}
"""What rows rest on. `judgements`: one line for each pair that was judged, the rule that left it undecided, and what
the judge said in both orders (`unreadable` where that could not be read)."""


class Judgement(BaseModel):
    """The judge's answer on one ordered pair."""

    model_config = ConfigDict(extra="forbid")

    reason: str
    verdict: Literal["equal", "different", "undecided"]


def identity(settings: Settings) -> Mapping[str, Any]:
    """What of the settings bears on verdicts; what belongs to the judge only where one is asked."""
    whole = settings.model_dump(mode="json", exclude={"judge", "judge_max_tokens"})
    judge = {"judge_prompt": digest_bytes(PROMPT.read_bytes()), "judge_max_tokens": settings.judge_max_tokens}
    return {**whole, **judge} if settings.judge else whole


def more_roles(settings: Settings) -> tuple[str, ...]:
    """Whom the stage asks."""
    return (ROLE,) if settings.judge else ()


async def decide(problem: str, case: Case, table: Table, ask: Ask, settings: Settings) -> Decision:
    """Decide one row, asking the judge about what rules leave open if that may keep the row.

    Raises `EndpointError` when the endpoint gives no reply, after what was in flight has ended.
    """
    decision = consensus.decide(case, table, settings)
    may_be_kept = consensus.decide(case, consensus.hoped(table), settings).verdict is Verdict.KEEP
    if decision.reason != Reason.UNDECIDED or not may_be_kept:
        return decision
    open_pairs = consensus.undecided_pairs(case, table)
    orders = [order for left, right in open_pairs for order in ((left, right), (right, left))]
    said = await asyncio.gather(*(_judge(problem, *order, ask, settings) for order in orders), return_exceptions=True)
    for one in said:
        if isinstance(one, BaseException):
            raise one
    opinions = [one for one in said if not isinstance(one, BaseException)]
    both = list(zip(open_pairs, opinions[::2], opinions[1::2], strict=True))
    judged = {pair: _settled(table[pair], one[0], other[0]) for pair, one, other in both}
    lines: Sequence[Mapping[str, Any]] = [
        {
            "left": pair[0], "right": pair[1], "undecided_by": table[pair].rule,
            "verdict_forward": one[0], "verdict_backward": other[0], "key_forward": one[1], "key_backward": other[1],
        }
        for pair, one, other in both
    ]  # fmt: skip
    decision = consensus.decide(case, {**table, **judged}, settings)
    return replace(decision, evidence={**decision.evidence, "judgements": lines})


def question(problem: str, answer_1: str, answer_2: str, settings: Settings) -> Prompt:
    """The question to the judge about one ordered pair."""
    texts = {"problem": problem, "answer_1": answer_1, "answer_2": answer_2}
    return Prompt(
        messages=user(
            template.render(
                template.load(PROMPT), **{name: template.fence(name, text) for name, text in texts.items()}
            )
        ),
        sampling=Sampling(max_tokens=settings.judge_max_tokens),
        schema=Judgement,
    )


async def _judge(problem: str, answer_1: str, answer_2: str, ask: Ask, settings: Settings) -> tuple[str, str]:
    """The verdict on one ordered pair and the key of the last reply."""
    try:
        judgement, keys = await ask_structured(ask, question(problem, answer_1, answer_2, settings), Judgement)
    except UnreadableReply as fault:
        return "unreadable", fault.keys[-1]
    return judgement.verdict, keys[-1]


def _settled(seen: Comparison, forward: str, backward: str) -> Comparison:
    if forward == backward and forward in (Equality.EQUAL, Equality.DIFFERENT):
        return Comparison(Equality(forward), f"judge, after {seen.rule}")
    return Comparison(Equality.UNDECIDED, f"judge undecided, after {seen.rule}")
