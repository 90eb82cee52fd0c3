"""Shards: ranges of buckets within one intake. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import ceil, sqrt

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.errors import RecipeError
from tasks.rows.problem import BUCKETS


class Shard(BaseModel):
    """Rows of one intake whose bucket lies in [low, high)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intake: str = Field(description="Digest of the intake's manifest")
    low: int = Field(ge=0, lt=BUCKETS)
    high: int = Field(gt=0, le=BUCKETS)

    @model_validator(mode="after")
    def _holds_a_bucket(self) -> Shard:
        if self.low >= self.high:
            raise ValueError(f"no bucket lies in [{self.low}, {self.high})")
        return self

    @property
    def name(self) -> str:
        """Readable and unique within a root: `<intake>-<low>-<high>`, buckets in hex."""
        return f"{self.intake[:8]}-{self.low:03x}-{self.high:04x}"


def plan_all(intakes: Iterable[tuple[str, int]], count: int) -> list[Shard]:
    """Shards of intakes, given oldest first by digest and rows: `count` of the first.

    One that is smaller than the largest before it is cut into fewer, by the root of its share of rows: r rows in n
    shards take n times what a shard costs whatever its rows, and where each has a worker 1/n of what r rows cost, so
    the quickest n grows with the root of r. What comes later changes no earlier intake's shards.
    """
    shards: list[Shard] = []
    most = 0
    for intake, rows in intakes:
        most = max(most, rows)
        shards += plan(intake, max(1, ceil(count * sqrt(rows / most))) if most else count)
    return shards


def plan(intake: str, count: int) -> list[Shard]:
    """`count` shards that together cover every bucket once."""
    if not 1 <= count <= BUCKETS:
        raise RecipeError(f"shards: {count} is not between 1 and {BUCKETS}")
    edges = [BUCKETS * i // count for i in range(count + 1)]
    return [Shard(intake=intake, low=low, high=high) for low, high in pairwise(edges)]
