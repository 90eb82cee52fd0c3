"""The assumptions of an estimate, and their draws. Pure.

A draw of all ranges at once is one possible world; two recipes that are compared are priced in the same worlds.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

TABLE = Path(__file__).with_name("assumptions.yaml")
DRAWS = 2000

Draws = NDArray[np.float64]
"""One value for each world, shape (worlds,)."""
_STRICT = ConfigDict(frozen=True, extra="forbid")


class Range(BaseModel):
    """What is known of a quantity: its bounds, the likeliest value, and why."""

    model_config = _STRICT

    low: float
    likely: float
    high: float
    why: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.likely <= self.high:
            raise ValueError(f"{self.low} <= {self.likely} <= {self.high} does not hold")
        return self


class Passed(BaseModel):
    """Rows that came to a stage, and those that it kept."""

    model_config = _STRICT

    rows: int
    kept: int

    @property
    def share(self) -> float:
        """Kept of those that came."""
        return self.kept / self.rows


class Published(BaseModel):
    """What DeepMath-103K published of its run."""

    model_config = _STRICT

    rows: Mapping[str, int]
    decontaminate: Passed
    rate: Passed
    screen_to_verify: Passed
    usd: int
    gpu_hours: int


class Assumptions(BaseModel):
    """All of it."""

    model_config = _STRICT

    published: Published
    ranges: Mapping[str, Range]

    def worlds(self, fixed: Mapping[str, float], draws: int = DRAWS, seed: int = 0) -> Mapping[str, Draws]:
        """Each range drawn, by name; those in `fixed` are as given. Raises `KeyError` for one that is unknown."""
        if unknown := set(fixed) - set(self.ranges):
            raise KeyError(f"no assumptions {sorted(unknown)}")
        made = {}
        for place, (name, one) in enumerate(sorted(self.ranges.items())):
            generator = np.random.default_rng([seed, place])
            if one.low == one.high or name in fixed:
                made[name] = np.full(draws, fixed.get(name, one.likely))
            else:
                made[name] = generator.triangular(one.low, one.likely, one.high, draws)
        return made


@cache
def assumptions() -> Assumptions:
    """Those that ship with the project."""
    return Assumptions.model_validate(yaml.safe_load(TABLE.read_text(encoding="utf-8")))
