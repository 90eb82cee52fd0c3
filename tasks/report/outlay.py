"""What a run has asked and paid, from the ledger: by stage, over time, and by engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from tasks.ledger import gpu
from tasks.ledger import spend as spends
from tasks.ledger.fold import fold
from tasks.ledger.gpu_lease import Lease
from tasks.ledger.gpu_split import attributed, total
from tasks.report.facts import Hours, OfStage, Paid
from tasks.rows.storage import Storage
from tasks.rows.tables import apart

_SPANS = 120
"""A run's time is told in so many spans, or a few more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlay:
    """What of a run's ledger the report tells."""

    stages: list[OfStage]
    over_time: list[Paid]
    maybe_attempts: int
    maybe_microusd: int
    hours: list[Hours]
    as_of_ms: int | None


def outlay(storage: Storage, run: str, stages: Sequence[str]) -> Outlay:
    """One pass over the log, in parts. Stages come in the order given; one that was asked nothing is left out."""
    parts = fold(storage, lambda part: _summed(part.filter(run=run)))
    leases, now = gpu.leases(storage, run), time.time_ns() // 1_000_000
    outcomes = attributed(spends.together([one.outcomes for one in parts]), leases, now)
    lines = {line["stage"]: line for line in spends.spend(outcomes, spends.By.STAGE).to_dicts()}
    maybe = pl.concat([one.maybe for one in parts])
    spans = pl.concat([one.spans for one in parts])
    return Outlay(
        stages=[
            OfStage(
                stage=stage,
                replies=line["replies"],
                errors=line["errors"],
                tokens=line["prompt_tokens"] + line["completion_tokens"],
                microusd=line["microusd"],
                card_ms=line["card_ms"],
            )
            for stage in dict.fromkeys((*stages, *lines))
            if (line := lines.get(stage))
        ],
        over_time=[Paid(**one) for one in _spans(spans).to_dicts()],
        maybe_attempts=maybe.height,
        maybe_microusd=int(maybe["bound_microusd"].sum()),
        hours=_hours(leases, now),
        as_of_ms=max((one.as_of_ms for one in parts if one.as_of_ms is not None), default=None),
    )


@dataclass(frozen=True, slots=True)
class _Summed:
    outcomes: pl.DataFrame
    maybe: pl.DataFrame
    spans: pl.DataFrame
    as_of_ms: int | None


def _summed(log: pl.DataFrame) -> _Summed:
    paid = log.filter(pl.col("kind") == "outcome").select("stage", "at_ms", "microusd")
    last = log["at_ms"].max()
    as_of = int(str(last)) if last is not None else None
    return _Summed(spends.outcomes(log), spends.possibly_paid(log), _spans(paid), as_of)


def _spans(paid: pl.DataFrame) -> pl.DataFrame:
    """What was paid by stage and span of time, each at the time it begins. What is in spans may be put in longer."""
    low, high = (int(str(one or 0)) for one in (paid["at_ms"].min(), paid["at_ms"].max()))
    width = max(1000, -(-(high - low) // _SPANS))
    begins = low + (pl.col("at_ms") - low) // width * width
    return apart(paid.group_by("stage", at_ms=begins).agg(pl.col("microusd").sum()).sort("at_ms", "stage"))


def _hours(leases: Sequence[Lease], now_ms: int) -> list[Hours]:
    def whose(one: Lease) -> tuple[str, str, int]:
        return one.endpoint, one.model, one.cards

    groups = groupby(sorted(leases, key=whose), key=whose)
    return [
        Hours(endpoint=endpoint, model=model, cards=cards, split=total(own, now_ms))
        for (endpoint, model, cards), own in groups
    ]
