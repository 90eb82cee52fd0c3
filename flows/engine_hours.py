"""What a root's own engines have cost: hours of cards, split four ways, beside the dollars of `flows.spending`."""

from __future__ import annotations

import time
from itertools import groupby

import polars as pl
from pydantic import BaseModel

from tasks.ledger.gpu import leases
from tasks.ledger.gpu_lease import Lease
from tasks.ledger.gpu_split import attributed, total
from tasks.rows.storage import Storage


class EngineLine(BaseModel):
    """The engines of one endpoint and run. Times are milliseconds of one card."""

    run: str
    endpoint: str
    model: str
    card: str
    cards: int
    """Held by each replica."""
    lives: int
    """Processes that were started."""
    deaths: int
    allocated_ms: int
    starting_ms: int
    useful_ms: int
    idle_ms: int
    wasted_ms: int
    usd_per_hour: str
    as_of: str
    microusd: int


def engine_lines(found: list[Lease], now_ms: int) -> list[EngineLine]:
    """A line for each run, endpoint, model, card and price, in that order."""

    def same(one: Lease) -> tuple[str, ...]:
        price = str(one.usd_per_hour), one.as_of.isoformat()
        return (one.run, one.endpoint, one.model, one.card, str(one.cards), *price)

    return [_line(list(group), now_ms) for _, group in groupby(sorted(found, key=same), key=same)]


def with_card_time(storage: Storage, groups: pl.DataFrame) -> tuple[pl.DataFrame, list[EngineLine]]:
    """Outcomes with the replies' part of the useful time (`card_ms`), and what the engines took in all."""
    found, now = leases(storage), time.time_ns() // 1_000_000
    return attributed(groups, found, now), engine_lines(found, now)


def _line(lives: list[Lease], now_ms: int) -> EngineLine:
    one, spent = lives[0], total(lives, now_ms)
    return EngineLine(
        run=one.run,
        endpoint=one.endpoint,
        model=one.model,
        card=one.card,
        cards=one.cards,
        lives=len(lives),
        deaths=sum(life.has_died(now_ms) for life in lives),
        allocated_ms=spent.allocated,
        starting_ms=spent.starting,
        useful_ms=spent.useful,
        idle_ms=spent.idle,
        wasted_ms=spent.wasted,
        usd_per_hour=str(one.usd_per_hour),
        as_of=one.as_of.isoformat(),
        microusd=spent.microusd,
    )
