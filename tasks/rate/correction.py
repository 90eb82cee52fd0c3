"""A fitted correction of a rater: what a mean rating stands for on the scale of the known levels. Pure."""

from __future__ import annotations

from typing import Self

from numpy import arange, interp
from pydantic import BaseModel, ConfigDict, Field, model_validator


class Correction(BaseModel):
    """Straight lines between points, flat beyond them: `mean` a mean rating, `level` what it stands for.

    It never falls, so a problem with the higher mean never gets the lower level.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mean: tuple[float, ...] = Field(min_length=1)
    level: tuple[float, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if len(self.mean) != len(self.level):
            raise ValueError(f"a level for each mean: {len(self.mean)} means, {len(self.level)} levels")
        if any(one >= other for one, other in zip(self.mean, self.mean[1:], strict=False)):
            raise ValueError("means must rise")
        if any(one > other for one, other in zip(self.level, self.level[1:], strict=False)):
            raise ValueError("levels must not fall")
        return self

    def of(self, mean: float) -> float:
        """The level of a mean rating.

        >>> Correction(mean=(2, 6), level=(3, 5)).of(4)
        4.0
        """
        return float(interp(mean, self.mean, self.level))

    def least(self, level: float) -> float:
        """The least mean rating, to 0.001, that stands for `level` at least; infinity where none does."""
        means = arange(1000, 10_001) / 1000
        reach = means[interp(means, self.mean, self.level) >= level]
        return float(reach[0]) if len(reach) else float("inf")
