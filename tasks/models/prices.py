"""What a reply costs: token counts times a dated price table, in integer micro-dollars. Pure.

A price in USD per million tokens is the same number of micro-dollars per token. Each reply is rounded half up
to a whole micro-dollar. A model that the table lacks raises `UnknownPrice`; nothing is ever free by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.errors import UnknownPrice
from tasks.models.wire import Usage

TABLE = Path(__file__).with_name("prices.yaml")
FILLED = Path(__file__).with_name("prices_filled.yaml")
"""Lines that `python -m flows prices update` wrote; lines of `TABLE`, kept by hand, win over them."""


class Price(BaseModel):
    """One model's prices, USD per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0)
    cached_input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    batch_input: Decimal | None = Field(
        default=None, ge=0, description="In the batch lane; None: it has no such lane"
    )
    batch_cached_input: Decimal | None = Field(
        default=None, ge=0, description="None: what other input costs in a batch"
    )
    batch_output: Decimal | None = Field(default=None, ge=0)
    as_of: date
    source: str

    @model_validator(mode="after")
    def _batch_is_whole(self) -> Self:
        if (self.batch_input is None) != (self.batch_output is None):
            raise ValueError("batch_input and batch_output are given together or not at all")
        return self

    def in_batch(self) -> Price:
        """What the batch lane costs. Raises `UnknownPrice` where the line does not say."""
        if self.batch_input is None or self.batch_output is None:
            raise UnknownPrice(f"no batch price is known ({self.source}); add it to the line, or ask online")
        cached = self.batch_input if self.batch_cached_input is None else self.batch_cached_input
        return self.model_copy(
            update={"input": self.batch_input, "cached_input": cached, "output": self.batch_output}
        )


class PriceTable(BaseModel):
    """All prices, and the version that every outcome in the log names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    models: Mapping[str, Price]

    def price(self, model: str) -> Price:
        """The price of a model by name, or `UnknownPrice`."""
        found = self.models.get(model)
        if found is None:
            raise UnknownPrice(
                f"model {model!r} has no line in the price table (version {self.version}); add one with its date "
                f"and source to {TABLE.name} or to the recipe's `prices`. Nothing was asked of it."
            )
        return found

    def with_models(self, extra: Mapping[str, Price]) -> PriceTable:
        """This table with the recipe's own lines added."""
        return self.model_copy(update={"models": {**self.models, **extra}})


@cache
def table() -> PriceTable:
    """The table that ships with the project; its version is the day of the younger of its two files."""
    own, filled = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (TABLE, FILLED))
    version = max(str(own["version"]), str(filled["version"]))
    return PriceTable.model_validate({"version": version, "models": {**filled["models"], **own["models"]}})


def microusd(price: Price, usage: Usage) -> int:
    """What `usage` costs at `price`.

    >>> p = Price(input="2.5", cached_input="1.25", output="10", as_of="2026-01-01", source="example")
    >>> microusd(p, Usage(prompt=1000, cached=0, completion=500, reasoning=0))
    7500
    """
    fresh = usage.prompt - usage.cached
    exact = fresh * price.input + usage.cached * price.cached_input + usage.completion * price.output
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def bound(price: Price, request_bytes: int, max_tokens: int) -> int:
    """The most that a request can cost: a token is at least one byte of what is sent."""
    return microusd(price, Usage(prompt=request_bytes, cached=0, completion=max_tokens, reasoning=0))
