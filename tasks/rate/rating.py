"""Difficulty of a problem: several independent ratings by a model, their mean, and the gate. Pure.

The method is that of DeepMath-103K (https://arxiv.org/abs/2504.11456, section 2, difficulty filtering): the
rater is asked six times on the scale of the AoPS wiki's competition ratings
(https://artofproblemsolving.com/wiki/index.php/AoPS_Wiki:Competition_ratings), 1 to 10 in half steps; the
problem stays when the mean reaches 5. The gate is held against the unrounded mean, which is a column of its
own beside the rounded label: a label of 5.0 then never hides a problem that did not pass.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import UnreadableReply
from tasks.models import template
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.structured import ask_structured
from tasks.rate.correction import Correction
from tasks.rate.stopping import FIRST_LOOK, HIGHEST, LOWEST, at_once, audited, certain_drop, settled, worth
from tasks.rows.tables import Schema
from tasks.rows.verdict import Decision, drop, keep, quarantine

VERSION = 3

PROMPT = Path(__file__).with_name("prompt.md")
FILES = (PROMPT,)
"""The files whose text bears on the answer."""

COLUMNS: Schema = {
    "difficulty": pl.Float64,
    "difficulty_rounded": pl.Float64,
    "ratings": pl.List(pl.Float64),
    "rating_spread": pl.Float64,
    "rating_audited": pl.Boolean,
}
"""Unrounded mean, corrected where the settings say so; that to the nearest half, half up; the ratings by sample;
their population standard deviation; whether the problem is in the audit sample, None unless stopping is
`statistical`. All None where a rating could not be read: a mean of five is not a mean of six. Where rating stopped
early, `ratings` holds those that were bought; of a drop the other columns are None, of a keep (`statistical`) they
are those of the ratings bought."""

EVIDENCE: Mapping[str, Schema] = {
    "ratings": {
        "sample": pl.Int64,
        "rating": pl.Float64,
        "summary": pl.String,
        "reason": pl.String,
        "keys": pl.List(pl.String),
        "fault": pl.String,
    }
}
"""One line for each sample; where it could not be read, `fault` says why and what was asked for is None."""


class Reason(StrEnum):
    """Why a problem does not pass."""

    TOO_EASY = "too_easy"
    """Dropped: the mean rating is below the gate."""

    UNREADABLE_REPLY = "unreadable_reply"
    """Quarantined: a rating could not be read, nor could a second one, asked for with the error shown."""


Stopping = Literal["off", "exact", "statistical"]


class Settings(BaseModel):
    """What bears on the ratings and on the gate."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    samples: int = Field(default=6, ge=1, description="Ratings asked for each problem, as samples 0, 1, ...")
    gate: float = Field(default=5.0, ge=1, le=10, description="A problem with a lower mean is dropped.")
    stopping: Stopping = Field(
        default="off",
        description="exact: buy no further rating once the problem is certain to be dropped; statistical: once the"
        " chance of another verdict is below `chance`.",
    )
    further: int = Field(
        default=1, ge=1, description="Ratings bought at once after the first look; 3 where each look takes a batch."
    )
    chance: float = Field(default=0.01, gt=0, lt=0.5, description="statistical: the bound on that chance.")
    spread: float = Field(
        default=0.65, gt=0, description="statistical: standard deviation expected of the ratings of one problem."
    )
    audit: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="statistical: share of problems that get all ratings, to audit the rest.",
    )
    correction: Correction | None = Field(
        default=None, description="What a mean rating of this rater stands for; difficulty and gate go by that."
    )
    temperature: float = Field(default=1.0, ge=0, description="Above 0, or the samples repeat one another.")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Nucleus sampling: probability mass kept.")
    max_tokens: int = Field(default=1024, ge=1, description="Most tokens of one rating.")


class Rating(BaseModel):
    """One rating as the rater writes it. The number comes last, after the grounds for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    summary: str = Field(description="What the problem asks and what solving it takes.")
    reason: str = Field(description="Why this level of the scale and neither of its neighbours.")
    rating: float = Field(ge=LOWEST, le=HIGHEST, multiple_of=0.5, description="1 to 10 in half steps.")


@dataclass(frozen=True, slots=True)
class _Sample:
    """What became of one sample: a rating or a fault, and the request keys it took."""

    rating: Rating | None
    keys: tuple[str, ...]
    fault: str | None = None


def question(text: str, settings: Settings) -> Prompt:
    """The question to the rater about one problem."""
    return Prompt(
        messages=user(template.render(template.load(PROMPT), problem=template.fence("problem", text))),
        sampling=Sampling(max_tokens=settings.max_tokens, temperature=settings.temperature, top_p=settings.top_p),
        schema=Rating,
    )


def nearest_half(value: float) -> float:
    """The nearest multiple of 0.5, half up: 4.25 -> 4.5."""
    return math.floor(value * 2 + 0.5) / 2


def judge(ratings: Sequence[float], gate: float, correction: Correction | None = None) -> tuple[bool, dict[str, Any]]:
    """Whether the mean of `ratings` (at least one), corrected, reaches the gate, and the columns that say so."""
    level = worth(fmean(ratings), correction)
    return level >= gate, {
        "difficulty": level,
        "difficulty_rounded": nearest_half(level),
        "ratings": list(ratings),
        "rating_spread": pstdev(ratings),
    }


def stopped(ratings: Sequence[float]) -> dict[str, Any]:
    """The columns of a problem that is dropped without all of its ratings."""
    return {**dict.fromkeys(COLUMNS), "ratings": list(ratings)}


def identity(settings: Settings) -> Mapping[str, Any]:
    """What of the settings bears on ratings and gate: how they stop, and a correction, only where asked."""
    unused = set() if settings.stopping == "statistical" else {"chance", "spread", "audit"}
    unused |= set() if settings.stopping != "off" and settings.further > 1 else {"further"}
    unused |= set() if settings.correction else {"correction"}
    return settings.model_dump(mode="json", exclude=unused)


async def decide(row: Mapping[str, Any], ask: Ask, settings: Settings) -> Decision:
    """Rate one problem. Raises `EndpointError` when the endpoint gives no reply."""
    chosen = audited(row["problem_id"], settings.audit) if settings.stopping == "statistical" else None
    samples = await _samples(
        ask, question(row["question"], settings), settings, "off" if chosen else settings.stopping
    )
    evidence = {"ratings": [_line(index, sample) for index, sample in enumerate(samples)]}
    ratings = [sample.rating.rating for sample in samples if sample.rating is not None]
    if len(ratings) < len(samples):
        return quarantine(Reason.UNREADABLE_REPLY, dict.fromkeys(COLUMNS), evidence)
    passed, columns = judge(ratings, settings.gate, settings.correction)
    if len(ratings) < settings.samples and not passed:
        columns = stopped(ratings)
    columns["rating_audited"] = chosen
    return keep(columns, evidence) if passed else drop(Reason.TOO_EASY, columns, evidence)


async def _samples(ask: Ask, prompt: Prompt, settings: Settings, stopping: Stopping) -> list[_Sample]:
    """Samples up to each look, until the row is decided."""
    samples: list[_Sample] = []
    for look in looks(settings, stopping):
        samples += await _gathered(ask, prompt, range(len(samples), look))
        if _ends(samples, settings, stopping):
            break
    return samples


def looks(settings: Settings, stopping: Stopping) -> list[int]:
    """At how many ratings it is looked whether the row is decided; the last are all of them.

    >>> looks(Settings(), "off"), looks(Settings(), "exact"), looks(Settings(further=3), "statistical")
    ([6], [4, 5, 6], [3, 6])
    """
    samples = settings.samples
    first = {
        "off": samples,
        "exact": at_once(samples, settings.gate, settings.correction),
        "statistical": min(FIRST_LOOK, samples),
    }
    return [*range(first[stopping], samples, settings.further), samples]


def _ends(samples: Sequence[_Sample], settings: Settings, stopping: Stopping) -> bool:
    """Whether no further rating is bought: one so far was not read, or those that were decide the row."""
    ratings = [sample.rating.rating for sample in samples if sample.rating is not None]
    if len(ratings) < len(samples):
        return True
    if stopping == "statistical":
        return stops(ratings, settings)
    return certain_drop(ratings, settings.samples, settings.gate, settings.correction)


def stops(ratings: Sequence[float], settings: Settings) -> bool:
    """Whether `statistical` stops at these ratings."""
    return settled(ratings, settings.samples, settings.gate, settings.spread, settings.chance, settings.correction)


async def _gathered(ask: Ask, prompt: Prompt, indices: Sequence[int]) -> list[_Sample]:
    """Samples asked at the same time. When one fails the others still land: they are paid for."""
    outcomes = await asyncio.gather(*(_sample(ask, prompt, index) for index in indices), return_exceptions=True)
    samples = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        samples.append(outcome)
    return samples


async def _sample(ask: Ask, prompt: Prompt, index: int) -> _Sample:
    try:
        return _Sample(*await ask_structured(ask, prompt, Rating, sample=index))
    except UnreadableReply as fault:
        return _Sample(None, fault.keys, str(fault))


def _line(index: int, sample: _Sample) -> dict[str, Any]:
    rating = sample.rating
    return {
        "sample": index,
        "rating": rating.rating if rating else None,
        "summary": rating.summary if rating else None,
        "reason": rating.reason if rating else None,
        "keys": list(sample.keys),
        "fault": sample.fault,
    }
