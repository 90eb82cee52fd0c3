"""What of a running run people should be told at once. Pure: the ledger and the manifests decide, others only tell.

The names are those of the events in Prefect; automations match them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from tasks.ledger.budget import Position
from tasks.report.funnel import FunnelStep
from tasks.report.pages import FailedShard, amount

QUARANTINE_SHARE, QUARANTINE_ROWS = 0.2, 200
"""A stage is suspicious once it has had so many rows and set more than this share of them aside."""
ERROR_SHARE, ERROR_ATTEMPTS, ERROR_WINDOW_MS = 0.5, 5, 120_000
"""An endpoint is unhealthy if, of at least so many attempts within the window, more than this share failed."""
BUDGET_SHARE = 0.8
_ROWS_FAULT = "rejected"


class Alert(StrEnum):
    """Events of ours."""

    BUDGET_REACHED = "curation.budget.reached"
    BUDGET_80_PERCENT = "curation.budget.80_percent"
    ENDPOINT_UNHEALTHY = "curation.endpoint.unhealthy"
    SHARD_FAILED = "curation.shard.failed"
    QUARANTINE_RATE_HIGH = "curation.quarantine.rate_high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing to tell, once: `about` says of what (a stage, an endpoint, a shard)."""

    alert: Alert
    about: str
    words: str


def of_failures(failures: Sequence[FailedShard]) -> list[Alarm]:
    """A shard that did not get through."""
    return [
        Alarm(alert=Alert.SHARD_FAILED, about=f"{one.shard} at {one.stage}", words=f"{one.error}: {one.reason}")
        for one in failures
    ]


def of_funnel(steps: Sequence[FunnelStep]) -> list[Alarm]:
    """A stage that sets too many rows aside."""
    found = []
    for step in steps:
        aside = sum(step.quarantined.values())
        if step.rows_in >= QUARANTINE_ROWS and aside > QUARANTINE_SHARE * step.rows_in:
            share = f"{aside:,} of {step.rows_in:,} rows ({aside / step.rows_in:.0%}) quarantined"
            found.append(Alarm(alert=Alert.QUARANTINE_RATE_HIGH, about=step.stage, words=share))
    return found


def of_endpoints(log: pl.DataFrame, now_ms: int) -> list[Alarm]:
    """An endpoint that fails most of what it was asked lately. What a request's own row is to blame for is none."""
    lately = log.filter(
        pl.col("kind") == "outcome",
        pl.col("at_ms") > now_ms - ERROR_WINDOW_MS,
        pl.col("error").fill_null("") != _ROWS_FAULT,
    )
    counts = lately.group_by("endpoint").agg(
        attempts=pl.len(),
        errors=(pl.col("status") == "error").sum(),
        worst=pl.col("error").drop_nulls().mode().sort().first(),
    )
    return [
        Alarm(
            alert=Alert.ENDPOINT_UNHEALTHY,
            about=one["endpoint"],
            words=f"{one['errors']} of its last {one['attempts']} attempts failed, mostly: {one['worst']}",
        )
        for one in counts.sort("endpoint").to_dicts()
        if one["attempts"] >= ERROR_ATTEMPTS and one["errors"] > ERROR_SHARE * one["attempts"]
    ]


def of_budgets(budgets: Sequence[Position]) -> list[Alarm]:
    """A budget that is nearly used up. What may have been paid, and what is reserved, counts as used."""
    return [
        Alarm(
            alert=Alert.BUDGET_80_PERCENT,
            about=one.scope,
            words=f"{amount(one.scope, one.limit - one.left)} of {amount(one.scope, one.limit)} spent or reserved",
        )
        for one in budgets
        if one.limit - one.left >= BUDGET_SHARE * one.limit
    ]
