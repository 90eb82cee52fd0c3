"""What a sample of a source that was run and paid for tells of the source. Pure.

Shares have the posterior of Jeffreys' prior, means lie within Student's t; intervals hold 90%.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tasks.estimate.assumptions import DRAWS, Draws
from tasks.estimate.figures import Interval, interval

_UNTOLD = 0.05
"""Where more of the draws than this have no accepted row, nobody can say what one costs."""


class Sampled(BaseModel):
    """One source. What its sample says nothing of is None."""

    model_config = ConfigDict(frozen=True)

    source: str
    rows: int = Field(description="Problems of the sample")
    pool: int = Field(description="Problems that were collected from the source")
    contaminated: Interval | None = Field(description="Share of those that came so far that repeat a benchmark")
    difficulty: Interval | None = Field(description="Mean rating of those that came to be rated")
    hard: Interval | None = Field(description="Share of these that pass the gate")
    accepted: Interval | None = Field(description="Share of problems that pass every stage")
    usd_per_thousand: Interval | None = Field(
        description="Dollars for a thousand accepted rows: hosted models, and cards at the recipe's price"
    )
    gpu_hours_per_thousand: Interval | None = Field(description="Card-hours for a thousand accepted rows")
    difficulties: dict[float, int] = Field(description="Problems of the sample by rating, to the nearest half")


def share(found: int, of: int, seed: int = 0) -> Interval | None:
    """What share of the source is like `found` of `of` problems; None of none."""
    if not of:
        return None
    return interval(np.random.default_rng(seed).beta(found + 0.5, of - found + 0.5, DRAWS))


def mean(values: NDArray[np.float64], seed: int = 0) -> Interval | None:
    """The mean over the source; None of fewer than two, which do not tell how far they lie apart."""
    if len(values) < 2:
        return None
    error = values.std(ddof=1) / np.sqrt(len(values))
    return interval(values.mean() + error * np.random.default_rng(seed).standard_t(len(values) - 1, DRAWS))


def per_thousand(costs: Draws, accepted: Draws) -> Interval | None:
    """What a thousand accepted rows cost, from draws of what all cost and of how many are accepted."""
    some = accepted >= 1
    if some.mean() < 1 - _UNTOLD:
        return None
    each = costs[some] / accepted[some]
    return interval(1000 * np.concatenate([each, np.full(len(costs) - len(each), each.max())]))
