"""Whether a row repeats a benchmark question: what the texts prove is proven, everything else is judged. Pure.

Method: DeepMath-103K (https://arxiv.org/abs/2504.11456, section 2): each of the k nearest benchmark questions
is judged, in both orders as in the paper's first version, and any "same" discards the row. Differences: what
the judge cannot tell, or tells unreadably, never counts as clean; `similarity_floor` and `orders` may spare
judgements. What counts as a repetition is the `policy`: the same problem, or also the same one with other numbers,
as some of the paper's own examples of contamination are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.decontaminate.benchmarks import Benchmark, Neighbour
from tasks.decontaminate.embed import EmbedderSettings
from tasks.decontaminate.proof import SAME_PROBLEM, Proof
from tasks.errors import UnreadableReply
from tasks.models import template
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.structured import ask_structured
from tasks.rows.tables import Schema
from tasks.rows.verdict import Decision, drop, keep, quarantine

T = TypeVar("T")

VERSION = 2
PROMPTS = {
    "same_problem": Path(__file__).with_name("judge.md"),
    "same_template": Path(__file__).with_name("judge_template.md"),
}
FILES = tuple(PROMPTS.values())
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


class Settings(BaseModel):
    """What bears on the stage's verdicts, beside the benchmarks' content and the judge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    benchmarks: tuple[Benchmark, ...] = Field(min_length=1, description="Benchmarks that no row may repeat")
    embedder: EmbedderSettings = Field(default=EmbedderSettings(), description="Model that finds the neighbours")
    k: int = Field(default=5, ge=1, description="Neighbours looked up for each text of a row")
    policy: Literal["same_problem", "same_template"] = Field(
        default="same_problem",
        description="What a row may not be: a benchmark's problem, or also one that differs from it in numbers only",
    )
    orders: Literal["both", "second_if_needed", "one"] = Field(
        default="both",
        description="Judge a pair again with the texts swapped: always, unless the first says same, never",
    )
    similarity_floor: float | None = Field(
        default=None, ge=-1, le=1, description="Neighbours of lower cosine are not judged; null: all are (the paper)"
    )
    max_tokens: int = Field(default=1024, ge=1, description="Length limit of a judgement, in tokens")

    @field_validator("benchmarks")
    @classmethod
    def _names_differ(cls, benchmarks: tuple[Benchmark, ...]) -> tuple[Benchmark, ...]:
        names = [benchmark.name for benchmark in benchmarks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"benchmark names must differ, but {twice} occur more than once")
        return benchmarks


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


class Judgement(BaseModel):
    """The judge's answer on one ordered pair."""

    model_config = ConfigDict(extra="forbid")

    reason: str
    verdict: Literal["same", "different", "unsure"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What came of one ordered pair: the verdict ("unreadable" where there is none) and its last reply's key."""

    verdict: Literal["same", "different", "unsure", "unreadable"]
    key: str


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
    judged = await _all(_judge_neighbour(row["question"], one, ask, settings) for one in neighbours)
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


async def _judge_neighbour(question: str, neighbour: Neighbour, ask: Ask, settings: Settings) -> Judged:
    if settings.similarity_floor is not None and neighbour["score"] < settings.similarity_floor:
        return Judged(neighbour)
    pair = question, neighbour["question"]
    orders = [pair] if settings.orders != "both" else [pair, pair[::-1]]
    judged = Judged(neighbour, *await _all(_judge(first, second, ask, settings) for first, second in orders))
    if settings.orders == "second_if_needed" and not judged.says("same"):
        return replace(judged, backward=await _judge(*pair[::-1], ask, settings))
    return judged


def question(first: str, second: str, settings: Settings) -> Prompt:
    """The question to the judge about one ordered pair."""
    return Prompt(
        messages=user(
            template.render(
                template.load(PROMPTS[settings.policy]),
                problem_1=template.fence("problem_1", first),
                problem_2=template.fence("problem_2", second),
            )
        ),
        sampling=Sampling(max_tokens=settings.max_tokens),
        schema=Judgement,
    )


async def _judge(first: str, second: str, ask: Ask, settings: Settings) -> Opinion:
    """One ordered pair; an unsure judge is asked once more, as sample 1."""
    prompt = question(first, second, settings)
    try:
        judgement, keys = await ask_structured(ask, prompt, Judgement)
        if judgement.verdict == "unsure":
            judgement, keys = await ask_structured(ask, prompt, Judgement, sample=1)
    except UnreadableReply as fault:
        return Opinion("unreadable", fault.keys[-1])
    return Opinion(judgement.verdict, keys[-1])


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
