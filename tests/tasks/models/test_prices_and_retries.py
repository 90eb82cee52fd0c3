"""What a reply costs, to the micro-dollar, and how long to wait before asking again."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import UnknownPrice
from tasks.models import prices, retry
from tasks.models.prices import Price
from tasks.models.retry import Patience
from tasks.models.wire import Usage


def price(fresh: str, cached: str, output: str) -> Price:
    return Price(
        input=Decimal(fresh),
        cached_input=Decimal(cached),
        output=Decimal(output),
        as_of=date(2026, 1, 1),
        source="test",
    )


@pytest.mark.parametrize(
    ("prompt", "cached", "completion", "expected"),
    [
        (1000, 0, 500, 2500 + 5000),
        (1000, 400, 500, 1500 + 500 + 5000),
        (1000, 1000, 0, 1250),
        (1, 0, 0, 3),  # 2.5 is rounded half up
        (1, 1, 0, 1),  # 1.25
        (3, 2, 1, 15),  # 2.5 + 2.5 + 10
        (0, 0, 0, 0),
        (2_000_000_000, 0, 0, 5_000_000_000),
    ],
)
def test_cost_by_hand(prompt: int, cached: int, completion: int, expected: int) -> None:
    usage = Usage(prompt=prompt, cached=cached, completion=completion, reasoning=0)
    assert prices.microusd(price("2.5", "1.25", "10"), usage) == expected


COUNT = st.integers(0, 10**6)


@given(COUNT, COUNT, COUNT, st.integers(0, 10**6))
def test_the_bound_is_at_least_the_cost(prompt: int, cached: int, completion: int, more: int) -> None:
    one = price("0.55", "0.14", "2.19")
    usage = Usage(prompt=prompt, cached=min(cached, prompt), completion=completion, reasoning=0)
    assert prices.bound(one, prompt + more, completion + more) >= prices.microusd(one, usage) >= 0


def test_a_model_without_a_line_has_no_price_and_a_recipes_line_gives_one() -> None:
    with pytest.raises(UnknownPrice, match="'new/model'"):
        prices.table().price("new/model")
    extended = prices.table().with_models({"new/model": price("1", "1", "1")})
    assert extended.price("new/model").input == 1
    assert extended.price("rehearsal/judge") == prices.table().price("rehearsal/judge")


def test_every_line_that_ships_has_a_date_and_a_source() -> None:
    assert all(line.source and line.as_of <= date.today() for line in prices.table().models.values())


@pytest.mark.parametrize(
    ("status", "expected"),
    [(429, "rate_limited"), (503, "overloaded"), (529, "overloaded"), (500, "server"), (502, "server"),
     (504, "server"), (400, "rejected"), (413, "rejected"), (401, "refused"), (404, "refused"), (302, "refused")],
)  # fmt: skip
def test_what_a_status_means(status: int, expected: str) -> None:
    assert retry.error_class(status) == expected
    assert (expected in retry.RETRIED) == (expected not in ("rejected", "refused"))


PATIENCE = Patience(attempts=8, first=0.25, longest=4)


def test_waits_double_up_to_a_bound() -> None:
    assert [retry.wait_seconds(PATIENCE, attempt, None) for attempt in range(7)] == [0.25, 0.5, 1, 2, 4, 4, 4]


@pytest.mark.parametrize(
    ("said", "expected"),
    [("3", 3), ("0", 0), ("0.5", 0.5), ("-5", 0), ("1e9", 40), ("inf", 40), ("-inf", 0), ("nan", 0.5), ("", 0.5),
     ("Wed, 21 Oct 2026 07:28:00 GMT", 0.5)],
)  # fmt: skip
def test_the_servers_word_wins_within_bounds(said: str, expected: float) -> None:
    assert retry.wait_seconds(PATIENCE, 1, said) == expected


@given(st.text(), st.integers(0, 50))
def test_no_word_makes_anyone_wait_for_ever(said: str, attempt: int) -> None:
    assert 0 <= retry.wait_seconds(PATIENCE, attempt, said) <= 40
