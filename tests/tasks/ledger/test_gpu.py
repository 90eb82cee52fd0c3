"""Hours of cards: allocated = starting + useful + idle + wasted, held against hand-computed leases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ledger.gpu import LeaseBook, allocated_ms, leases
from tasks.ledger.gpu_lease import Lease
from tasks.ledger.gpu_split import attributed, split, total
from tasks.rows.storage import Storage

BEAT = 15_000
LATER = 10_000_000


def lease(**told: Any) -> Lease:
    known: dict[str, Any] = {
        "lease": "a" * 32, "run": "r", "endpoint": "e", "model": "m@1", "card": "H20-96GB", "cards": 8,
        "usd_per_hour": Decimal("1.8"), "as_of": date(2026, 11, 1), "price_source": "contract", "restart": False,
        "beat_ms": BEAT, "started_ms": 0, "ready_ms": 100_000, "seen_ms": 500_000, "alive_ms": 500_000,
        "ended_ms": 500_000, "busy_ms": 300_000, "generated_tokens": 1000, "delivered_tokens": 1000,
    }  # fmt: skip
    return Lease.model_validate(known | told)


def parts(found: Lease, now_ms: int = LATER) -> tuple[int, int, int, int]:
    """Seconds of one card: starting, useful, idle, wasted."""
    s = split(found, now_ms)
    return tuple(ms // found.cards // 1000 for ms in (s.starting, s.useful, s.idle, s.wasted))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, (100, 300, 100, 0)),
        ({"restart": True}, (0, 300, 100, 100)),
        ({"delivered_tokens": 750}, (100, 225, 100, 75)),
        ({"died": True, "alive_ms": 450_000}, (100, 300, 50, 50)),
        ({"died": True, "alive_ms": 450_000, "delivered_tokens": 0}, (100, 0, 50, 350)),
        ({"ready_ms": None, "busy_ms": 0}, (0, 0, 0, 500)),
        ({"ready_ms": None, "busy_ms": 0, "ended_ms": None, "seen_ms": LATER - 1000}, (10_000, 0, 0, 0)),
        ({"ended_ms": None}, (100, 300, 100, 30)),  # fell silent: two beats until that is clear
        ({"ended_ms": None, "seen_ms": LATER - 1000, "alive_ms": LATER - 1000}, (100, 300, 9600, 0)),
        ({"delivered_tokens": 1001}, (100, 300, 100, 0)),
    ],
)
def test_a_lease_is_split_by_hand(told: dict[str, Any], expected: tuple[int, int, int, int]) -> None:
    assert parts(lease(**told)) == expected


def test_hours_cost_what_the_recipe_says() -> None:
    assert split(lease(), LATER).microusd == 500 * 8 * 1_800_000 // 3600


@given(
    st.integers(0, 10**6), st.none() | st.integers(0, 10**6), st.integers(0, 10**7), st.integers(0, 10**6),
    st.integers(0, 10**6), st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_four_parts_are_the_whole(
    start: int, ready: int | None, busy: int, generated: int, delivered: int, died: bool, restart: bool, ended: bool
) -> None:
    seen = start + (ready or 0) + 5000
    found = lease(
        started_ms=start, ready_ms=None if ready is None else start + ready, busy_ms=busy, generated_tokens=generated,
        delivered_tokens=delivered, died=died and ended, restart=restart, seen_ms=seen, alive_ms=seen - 4000,
        ended_ms=seen if ended else None,
    )  # fmt: skip
    found_split = split(found, LATER)
    assert found_split.allocated == 8 * (found.until_ms(LATER) - start)
    assert min(found_split.starting, found_split.useful, found_split.idle, found_split.wasted) >= 0


def test_the_newest_row_of_each_lease_counts_and_older_ones_go(tmp_path: Any) -> None:
    storage = Storage(str(tmp_path))
    book = LeaseBook(storage)
    first, second = lease(ended_ms=None), lease(lease="b" * 32, run="other", started_ms=5)
    book.write(first)
    book.write(first.model_copy(update={"ended_ms": 600_000, "seen_ms": 600_000}))
    book.write(second)
    found = leases(storage)
    assert [one.lease[0] for one in found] == ["a", "b"]
    assert found[0].ended_ms == 600_000
    assert leases(storage, "other") == [second]
    assert len(storage.list("ledger/engines")) == 2
    assert allocated_ms(storage, "r", LATER) == 8 * 600_000


def test_useful_time_goes_to_the_replies_by_their_tokens() -> None:
    rows = [
        ("r", "e", "reply", 100, 0, 90),  # weight 100
        ("r", "e", "reply", 1000, 500, 250),  # weight 300
        ("r", "e", "error", None, None, None),
        ("other", "e", "reply", 10, 0, 10),
        ("r", "api", "reply", 10, 0, 10),
    ]
    names = ["run", "endpoint", "status", "prompt_tokens", "cached_tokens", "completion_tokens"]
    log = pl.DataFrame(rows, schema=names, orient="row")
    found = [lease(), lease(lease="b" * 32, restart=True)]
    useful = total(found, LATER).useful
    assert attributed(log, found, LATER)["card_ms"].to_list() == [useful / 4, useful * 3 / 4, 0, 0, 0]
    assert attributed(log, [], LATER)["card_ms"].to_list() == [0] * 5
