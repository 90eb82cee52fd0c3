"""What an estimate says: quantities with their 90% intervals, stage by stage. Pure."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tasks.estimate.assumptions import Draws


class Interval(BaseModel):
    """A quantity: the middle of its draws, and the bounds that 90% of them lie in."""

    model_config = ConfigDict(frozen=True)

    low: float
    middle: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value lies in it."""
        return self.low <= value <= self.high


def interval(draws: Draws) -> Interval:
    """The 5%, 50% and 95% points."""
    low, middle, high = np.percentile(draws, [5, 50, 95])
    return Interval(low=float(low), middle=float(middle), high=float(high))


class StageFigures(BaseModel):
    """One stage of an estimate."""

    stage: str
    rows_in: Interval
    rows_out: Interval
    requests: Interval
    input_tokens: Interval
    output_tokens: Interval
    usd: Interval = Field(description="Of hosted models")
    gpu_hours: Interval = Field(description="Card-hours that own engines hold")
    hours: Interval = Field(description="Wall time, if no other stage ran beside it")


class Saving(BaseModel):
    """What a switch saves: the middle of what the run would take more without it."""

    switch: str
    usd: float
    gpu_hours: float


class Estimate(BaseModel):
    """What a run would take."""

    recipe: str
    basis: str = Field(description="Where the rates come from")
    rows: int
    stages: list[StageFigures]
    accepted: Interval
    usd: Interval
    gpu_hours: Interval
    card_usd: Interval = Field(description="What the card-hours cost at the recipe's prices")
    hours: Interval = Field(description="Wall time with one stage after the other; stages overlap, so it is a bound")
    savings: list[Saving] = []
    free: list[float] = Field(default=[], description="For each stage the share of the rows that is paid already")
    to_pay_usd: Interval = Field(description="Hosted models and cards, without what is paid already")
    to_pay_gpu_hours: Interval = Field(description="Card-hours, without what is paid already")
    stored_usd: float | None = Field(
        default=None, description="Paid already for these models under the root; None: no root"
    )
    stored_replies: int | None = None
