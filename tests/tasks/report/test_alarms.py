"""What is told: thresholds from both sides."""

import polars as pl

from tasks.ledger.budget import Position
from tasks.ledger.events import SCHEMA
from tasks.report.alarms import Alert, of_budgets, of_endpoints, of_failures, of_funnel
from tasks.report.funnel import FunnelStep
from tasks.report.pages import FailedShard

NOW = 1_000_000


def outcomes(*errors: str | None, at_ms: int = NOW - 1, endpoint: str = "here") -> pl.DataFrame:
    rows = [
        {
            "kind": "outcome", "attempt": str(i), "at_ms": at_ms, "endpoint": endpoint, "error": error,
            "status": "error" if error else "reply",
        }
        for i, error in enumerate(errors)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema={name: SCHEMA[name] for name in rows[0]})


def step(rows_in: int, aside: int) -> FunnelStep:
    return FunnelStep(
        stage="solve", shards=1, rows_in=rows_in, kept=rows_in - aside, dropped={}, quarantined={"no_answer": aside}
    )


def position(scope: str, spent: int, maybe: int = 0) -> Position:
    return Position(scope=scope, limit=1000, spent=spent, maybe=maybe, reserved=0)


def test_an_endpoint_that_fails_most_of_its_latest_attempts_is_unhealthy() -> None:
    (alarm,) = of_endpoints(outcomes("http_5xx", "http_5xx", "timeout", None, None), NOW)
    assert (alarm.alert, alarm.about) == (Alert.ENDPOINT_UNHEALTHY, "here")
    assert alarm.words == "3 of its last 5 attempts failed, mostly: http_5xx"


def test_half_failing_few_attempts_old_ones_and_rows_at_fault_are_no_alarm() -> None:
    assert not of_endpoints(outcomes("timeout", "timeout", "timeout", None, None, None), NOW)
    assert not of_endpoints(outcomes("timeout", "timeout", "timeout", "timeout"), NOW)
    assert not of_endpoints(outcomes(*["timeout"] * 9, at_ms=NOW - 600_000), NOW)
    assert not of_endpoints(outcomes(*["rejected"] * 9), NOW)


def test_a_stage_that_sets_more_than_a_fifth_aside_is_told_once_it_has_had_enough_rows() -> None:
    assert not of_funnel([step(199, 199), step(200, 40)])
    (alarm,) = of_funnel([step(200, 41)])
    assert (alarm.alert, alarm.about) == (Alert.QUARANTINE_RATE_HIGH, "solve")
    assert alarm.words == "41 of 200 rows (20%) quarantined"


def test_a_budget_is_told_once_four_fifths_are_used() -> None:
    told = of_budgets([position("run", 799), position("solve", 700, maybe=100), position("rate", 1000)])
    assert [(alarm.alert, alarm.about) for alarm in told] == [
        (Alert.BUDGET_80_PERCENT, "solve"),
        (Alert.BUDGET_80_PERCENT, "rate"),
    ]


def test_a_failed_shard_is_told_with_its_reason() -> None:
    (alarm,) = of_failures([FailedShard(shard="b", stage="rate", error="EndpointError", reason="gone")])
    assert (alarm.alert, alarm.about, alarm.words) == (Alert.SHARD_FAILED, "b at rate", "EndpointError: gone")
