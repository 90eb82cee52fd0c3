"""What a run has asked and paid, from the ledger: by stage, over time, and by engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from tasks.ledger import spend as spends
from tasks.ledger.fold import COLUMNS, fold
from tasks.ledger.gpu_lease import Lease
from tasks.ledger.gpu_split import attributed, total
from tasks.report.alarms import ERROR_WINDOW_MS
from tasks.report.facts import Hours, OfStage, Paid
from tasks.rows.storage import Storage
from tasks.rows.tables import apart

_SPANS = 120
"""A run's time is told in so many spans, or a few more."""
_COLUMNS = [name for name in COLUMNS if name not in ("key", "lease")]
"""Keys are the longest of what is left out: a quarter of a pass."""
_LATELY = ("kind", "endpoint", "at_ms", "status", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlay:
    """What of a run's ledger the report tells."""

    stages: list[OfStage]
    over_time: list[Paid]
    maybe_attempts: int
    maybe_microusd: int
    hours: list[Hours]
    as_of_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfRun:
    """What one pass over the log tells of a run. Memory does not grow with its attempts."""

    outcomes: pl.DataFrame
    """Added up, as `spend.outcomes`."""
    maybe: pl.DataFrame
    """Possibly paid attempts, as `spend.possibly_paid`."""
    spans: pl.DataFrame
    """What was paid by stage and span of time: columns stage, at_ms, microusd."""
    lately: pl.DataFrame
    """The latest events, by which endpoints are judged: columns kind, endpoint, at_ms, status, error."""
    as_of_ms: int | None


def of_run(storage: Storage, run: str, now_ms: int) -> OfRun:
    """One pass over the log, in parts."""
    parts = fold(storage, lambda part: _of_part(part, now_ms), _COLUMNS, run)
    return OfRun(
        outcomes=spends.together([one.outcomes for one in parts]),
        maybe=pl.concat([one.maybe for one in parts]),
        spans=pl.concat([one.spans for one in parts]),
        lately=pl.concat([one.lately for one in parts]),
        as_of_ms=max((one.as_of_ms for one in parts if one.as_of_ms is not None), default=None),
    )


def outlay(told: OfRun, leases: Sequence[Lease], stages: Sequence[str]) -> Outlay:
    """Stages come in the order given; one that was asked nothing is left out."""
    now = time.time_ns() // 1_000_000
    outcomes = attributed(told.outcomes, leases, now)
    lines = {line["stage"]: line for line in spends.spend(outcomes, spends.By.STAGE).to_dicts()}
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
        over_time=[Paid(**one) for one in _spans(told.spans).to_dicts()],
        maybe_attempts=told.maybe.height,
        maybe_microusd=int(told.maybe["bound_microusd"].sum()),
        hours=_hours(leases, now),
        as_of_ms=told.as_of_ms,
    )


def _of_part(log: pl.DataFrame, now_ms: int) -> OfRun:
    paid = log.filter(pl.col("kind") == "outcome").select("stage", "at_ms", "microusd")
    last = log["at_ms"].max()
    return OfRun(
        outcomes=spends.outcomes(log),
        maybe=spends.possibly_paid(log),
        spans=_spans(paid),
        lately=apart(log.select(_LATELY).filter(pl.col("at_ms") > now_ms - ERROR_WINDOW_MS)),
        as_of_ms=int(str(last)) if last is not None else None,
    )


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
