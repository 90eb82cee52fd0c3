"""Whether a row repeats a benchmark question: what the texts prove is proven, everything else is judged. Pure.

Method: DeepMath-103K (https://arxiv.org/abs/2504.11456, section 2): each of the k nearest benchmark questions
is judged, in both orders as in the paper's first version, and any "same" discards the row. Differences: what
the judge cannot tell, or tells unreadably, never counts as clean; `similarity_floor`, `first` and `orders` may spare
judgements. What counts as a repetition is the `policy`: the same problem, or also the same one with other numbers,
as some of the paper's own examples of contamination are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

import polars as pl

from tasks.decontaminate.asking import PROMPTS, TOGETHER, Opinion, of_all, of_pair
from tasks.decontaminate.benchmarks import Neighbour
from tasks.decontaminate.proof import SAME_PROBLEM, Proof
from tasks.decontaminate.settings import Settings
from tasks.models.prompt import Ask
from tasks.rows.tables import Schema
from tasks.rows.verdict import Decision, drop, keep, quarantine

T = TypeVar("T")

VERSION = 2
FILES = (*PROMPTS.values(), TOGETHER)
COLUMNS: Schema = {
    "nearest_benchmark_id": pl.String,
    "nearest_score": pl.Float64,
    "contaminated_by": pl.String,
    "contaminated_how": pl.String,
    "template_of": pl.String,
    "decontaminated_question": pl.String,
}
EVIDENCE: Mapping[str, Schema] = {
    "neighbours": {
        **dict.fromkeys(("benchmark_id", "benchmark", "question"), pl.String),
        "score": pl.Float64,
        "proof": pl.String,
        **dict.fromkeys(("verdict_forward", "verdict_backward", "key_forward", "key_backward"), pl.String),
    }
}


JUDGED = "judged"
ENOUGH: Mapping[str, Sequence[str]] = {"same_problem": SAME_PROBLEM, "same_template": tuple(Proof)}
"""Proofs that drop a row, by policy."""


class Reason(StrEnum):
    """Why a row did not pass."""

    CONTAMINATED = "contaminated"
    """Dropped: proven to repeat a benchmark question, or a judgement in either order says "same"."""

    UNREADABLE_REPLY = "unreadable_reply"
    """Quarantined: no judgement says "same", and one could not be read, not even when re-asked."""

    JUDGE_UNSURE = "judge_unsure"
    """Quarantined: no judgement says "same", and the judge was twice unsure about a pair."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A neighbour with the opinions on it; an order that was not asked has None."""

    neighbour: Neighbour
    forward: Opinion | None = None
    backward: Opinion | None = None

    def says(self, verdict: str) -> bool:
        return any(one is not None and one.verdict == verdict for one in (self.forward, self.backward))


async def decide(row: Mapping[str, Any], ask: Ask, settings: Settings) -> Decision:
    """The verdict on one row. `row["neighbours"]` are its neighbours, from `neighbours.find`.

    A proof drops the row without a question to the judge. Otherwise all pairs are judged at once.
    Raises `EndpointError`, after what was in flight has ended, when the endpoint is down; `ValueError` for a
    row that was never looked up, because a row without neighbours would pass as clean.
    """
    neighbours: Sequence[Neighbour] = row["neighbours"]
    if not neighbours:
        raise ValueError(f"row {row['problem_id']} has no neighbours; look rows up with neighbours.find first")
    proven = next((one for one in neighbours if one["proof"] in ENOUGH[settings.policy]), None)
    if proven is not None:
        judged = [Judged(one) for one in neighbours]
        return drop(Reason.CONTAMINATED, _columns(row, proven, proven["proof"]), _evidence(judged))
    judged = await _judge(row["question"], neighbours, ask, settings)
    evidence = _evidence(judged)
    same = [one.neighbour for one in judged if one.says("same")]
    if same:
        return drop(Reason.CONTAMINATED, _columns(row, _nearest(same), JUDGED), evidence)
    if any(one.says("unreadable") for one in judged):
        return quarantine(Reason.UNREADABLE_REPLY, _columns(row), evidence)
    if any(one.says("unsure") for one in judged):
        return quarantine(Reason.JUDGE_UNSURE, _columns(row), evidence)
    return keep(_columns(row), evidence)


async def _all(opinions: Iterable[Awaitable[T]]) -> list[T]:
    """Await all, then raise the first error if there is one: what was sent is paid for, and is to be kept."""
    outcomes = await asyncio.gather(*opinions, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]


async def _judge(question: str, neighbours: Sequence[Neighbour], ask: Ask, settings: Settings) -> list[Judged]:
    """All neighbours, in their order; those below the floor without an opinion."""
    floor = settings.similarity_floor
    near = [one for one in neighbours if floor is None or one["score"] >= floor]
    forward: Sequence[Opinion | None] = [None] * len(near)
    if settings.first == "together" and near:
        forward = await of_all(question, [one["question"] for one in near], ask, settings)
    judged = await _all(
        _judge_pair(question, one, told, ask, settings) for one, told in zip(near, forward, strict=True)
    )
    by_id = {one.neighbour["benchmark_id"]: one for one in judged}
    return [by_id.get(one["benchmark_id"]) or Judged(one) for one in neighbours]


async def _judge_pair(
    question: str, neighbour: Neighbour, forward: Opinion | None, ask: Ask, settings: Settings
) -> Judged:
    """Both orders of a pair as `orders` wants them; `forward` is the first one's outcome, if it is known."""
    there = partial(of_pair, question, neighbour["question"], ask, settings)
    back = partial(of_pair, neighbour["question"], question, ask, settings)
    if forward is None and settings.orders == "both":
        return Judged(neighbour, *await _all((there(), back())))
    forward = forward or await there()
    done = settings.orders == "one" or (settings.orders == "second_if_needed" and forward.verdict == "same")
    return Judged(neighbour, forward, None if done else await back())


def _nearest(neighbours: Sequence[Neighbour]) -> Neighbour:
    return min(neighbours, key=lambda one: (-one["score"], one["benchmark_id"]))


def _columns(row: Mapping[str, Any], repeated: Neighbour | None = None, how: str | None = None) -> dict[str, Any]:
    """`contaminated_how` is the proof, or `JUDGED`. `template_of` is the nearest benchmark question that the row is
    proven to differ from in no more than numbers, under either policy. `decontaminated_question` is the text that was
    checked, so that a later rewrite can be told."""
    nearest = _nearest(row["neighbours"])
    templates = [one for one in row["neighbours"] if one["proof"] is not None]
    return {
        "nearest_benchmark_id": nearest["benchmark_id"],
        "nearest_score": nearest["score"],
        "contaminated_by": repeated and repeated["benchmark_id"],
        "contaminated_how": how,
        "template_of": _nearest(templates)["benchmark_id"] if templates else None,
        "decontaminated_question": row["question"],
    }


def _evidence(judged: Sequence[Judged]) -> dict[str, list[dict[str, Any]]]:
    return {
        "neighbours": [
            {
                **one.neighbour,
                "verdict_forward": one.forward and one.forward.verdict,
                "verdict_backward": one.backward and one.backward.verdict,
                "key_forward": one.forward and one.forward.key,
                "key_backward": one.backward and one.backward.key,
            }
            for one in judged
        ]
    }
