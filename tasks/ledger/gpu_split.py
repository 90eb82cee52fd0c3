"""What the hours of cards were: allocated = starting + useful + idle + wasted, and whose the useful ones are. Pure.

Per lease, from its row alone, in milliseconds of one card:

    starting   from the start of the process to its first completion; of a restart it is wasted
    useful     of the time in which requests were worked on, the share of generated tokens that reached a client
    idle       ready, and nothing to do
    wasted     the rest: restarts, starts that came to nothing, tokens nobody got, time between the last sign of life
               and the end that was found out

Useful time is divided among an endpoint's replies of a run by their weight: tokens generated, and a tenth of the
prompt tokens that no prefix cache spared, because a prompt is read many tokens at a time. What is not useful belongs
to nobody and stays with the endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import polars as pl

from tasks.ledger.gpu_lease import Lease

PROMPT_WEIGHT = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Milliseconds of cards, and what they cost in micro-dollars."""

    starting: int = 0
    useful: int = 0
    idle: int = 0
    wasted: int = 0
    microusd: int = 0

    @property
    def allocated(self) -> int:
        return self.starting + self.useful + self.idle + self.wasted

    def __add__(self, other: Split) -> Split:
        return Split(
            starting=self.starting + other.starting,
            useful=self.useful + other.useful,
            idle=self.idle + other.idle,
            wasted=self.wasted + other.wasted,
            microusd=self.microusd + other.microusd,
        )


def split(lease: Lease, now_ms: int) -> Split:
    """One lease's time up to its end, or to `now_ms` if it goes on."""
    until = lease.until_ms(now_ms)
    allocated = until - lease.started_ms
    died = lease.has_died(now_ms)
    starting = (until if lease.ready_ms is None else lease.ready_ms) - lease.started_ms
    if lease.restart or (lease.ready_ms is None and (died or lease.ended_ms is not None)):
        starting = 0
    if lease.ready_ms is None:
        useful = idle = 0
    else:
        end_of_work = max(lease.ready_ms, min(lease.alive_ms, until)) if died else until
        ready = end_of_work - lease.ready_ms
        busy = min(lease.busy_ms, ready)
        useful = busy * _delivered(lease) // max(lease.generated_tokens, 1)
        idle = ready - busy
    parts = (starting * lease.cards, useful * lease.cards, idle * lease.cards)
    card_ms = allocated * lease.cards
    return Split(
        starting=parts[0],
        useful=parts[1],
        idle=parts[2],
        wasted=card_ms - sum(parts),
        microusd=int((card_ms * lease.usd_per_hour / Decimal("3.6")).quantize(Decimal(1), rounding=ROUND_HALF_UP)),
    )


def _delivered(lease: Lease) -> int:
    """Never more than was generated: the engine's count lags behind by one look."""
    return min(lease.delivered_tokens, lease.generated_tokens)


def total(found: Iterable[Lease], now_ms: int) -> Split:
    """Several leases' time together."""
    return sum((split(lease, now_ms) for lease in found), Split())


WEIGHT = pl.col("completion_tokens").fill_null(0) + PROMPT_WEIGHT * (
    pl.col("prompt_tokens").fill_null(0) - pl.col("cached_tokens").fill_null(0)
)


def attributed(log: pl.DataFrame, found: Iterable[Lease], now_ms: int) -> pl.DataFrame:
    """The log, or its `spend.outcomes`, with a column `card_ms`: the replies' part of the useful time of their run's
    endpoint; else 0.
    """
    useful: dict[tuple[str, str], int] = {}
    for lease in found:
        whose = (lease.run, lease.endpoint)
        useful[whose] = useful.get(whose, 0) + split(lease, now_ms).useful
    schema = {"run": pl.String, "endpoint": pl.String, "useful": pl.Int64}
    rows = [{"run": run, "endpoint": endpoint, "useful": ms} for (run, endpoint), ms in useful.items()]
    weighed = log.with_columns(_weight=pl.when(pl.col("status") == "reply").then(WEIGHT).otherwise(0.0)).join(
        pl.DataFrame(rows, schema=schema), on=["run", "endpoint"], how="left", maintain_order="left"
    )
    share = pl.col("_weight") / pl.col("_weight").sum().over("run", "endpoint")
    card_ms = (share * pl.col("useful")).fill_nan(0.0).fill_null(0.0)
    return weighed.with_columns(card_ms=card_ms).drop("_weight", "useful")
