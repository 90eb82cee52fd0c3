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

import yaml
from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import UnknownPrice
from tasks.models.wire import Usage

TABLE = Path(__file__).with_name("prices.yaml")


class Price(BaseModel):
    """One model's prices, USD per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0)
    cached_input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    as_of: date
    source: str


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
    """The table that ships with the project."""
    return PriceTable.model_validate(yaml.safe_load(TABLE.read_text(encoding="utf-8")))


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
