"""What a reply costs, to the micro-dollar, and how long to wait before asking again."""

from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.errors import UnknownPrice
from tasks.ledger import spend
from tasks.models import prices, retry
from tasks.models.prices import Price
from tasks.models.retry import Patience, Then
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


@pytest.mark.parametrize(
    ("model", "online", "in_batch"),
    [
        # 1,000 tokens in, 400 of them cached, and 500 out, by hand
        ("gpt-4o-2024-08-06", 600 * 2.5 + 400 * 1.25 + 500 * 10, 1000 * 1.25 + 500 * 5),
        ("openai/gpt-4o-2024-08-06", 7000, 3750),
        ("gpt-4o-mini-2024-07-18", 90 + 30 + 300, 75 + 150),
        ("gpt-6-luna", 60 + 4 + 250, 30 + 2 + 125),
        ("deepseek/deepseek-reasoner", round(168 + 11.2 + 210), None),
        ("together_ai/deepseek-ai/DeepSeek-R1-0528", 3000 + 3500, None),
        ("deepinfra/meta-llama/Llama-3.3-70B-Instruct-Turbo", 100 + 160, None),
    ],
)
def test_bills_of_the_prices_that_ship_by_hand(model: str, online: int, in_batch: int | None) -> None:
    line = prices.table().price(model)
    usage = Usage(prompt=1000, cached=400, completion=500, reasoning=300)
    assert prices.microusd(line, usage) == online
    if in_batch is None:
        with pytest.raises(UnknownPrice, match="batch"):
            line.in_batch()
    else:
        assert prices.microusd(line.in_batch(), usage) == in_batch


def test_a_batch_price_is_whole_or_not_there() -> None:
    with pytest.raises(ValidationError, match="together"):
        Price(**{**price("1", "1", "1").model_dump(), "batch_input": "0.5"})


def test_every_line_that_ships_has_a_date_and_a_source() -> None:
    assert all(line.source and line.as_of <= date.today() for line in prices.table().models.values())


@pytest.mark.parametrize(
    ("status", "expected"),
    [(429, "rate_limited"), (402, "unpaid"), (408, "timeout"), (409, "server"),
     (503, "overloaded"), (529, "overloaded"), (500, "server"), (502, "server"),
     (504, "server"), (400, "rejected"), (413, "rejected"), (401, "refused"), (404, "refused"), (302, "refused")],
)  # fmt: skip
def test_what_a_status_means(status: int, expected: str) -> None:
    assert retry.error_class(status) == expected
    assert (expected in retry.RETRIED) == (expected not in ("rejected", "refused", "unpaid"))


def test_an_empty_account_is_not_a_rate_limit() -> None:
    said = '{"error": {"type": "insufficient_quota", "code": "insufficient_quota"}}'
    assert retry.error_class(429, said) == "unpaid"
    assert retry.error_class(400, said.replace("insufficient_quota", "billing_hard_limit_reached")) == "unpaid"
    assert retry.error_class(429, '{"error": {"code": "rate_limit_exceeded"}}') == "rate_limited"


def test_what_may_have_been_paid_is_what_the_ledger_lists_as_such() -> None:
    assert {name for name, rule in retry.RULES.items() if rule.maybe_paid} == set(spend.MAYBE)


def test_every_class_of_the_written_table_has_its_rule() -> None:
    table = str(retry.__doc__).partition("class ")[2].partition("Too many")[0]
    rows = [line.split() for line in table.splitlines() if line.startswith("    ") and line[4] != " "]
    assert {row[0] for row in rows} == set(retry.RULES)
    for name, *words in rows:
        then = " ".join(words).partition("  ")[0]
        rule = retry.RULES[name]
        assert (("retry" in then), ("set the row aside" in then), ("give the endpoint up" in then)) == (
            rule.then is Then.RETRY,
            rule.then is Then.SET_ASIDE,
            rule.then is Then.GIVE_UP,
        )
        assert rule.rests == ("Retry-After" in then)


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


@pytest.mark.parametrize(
    ("said", "expected"),
    [("Sun, 22 Nov 2026 10:00:07 GMT", 7), ("Sun, 22 Nov 2026 09:59:00 GMT", 0.5),
     ("Sunday, 22-Nov-26 10:00:03 GMT", 3), ("Sun, 22 Nov 2027 10:00:07 GMT", 40), ("Sun, 99 Nov 2026", 0.5)],
)  # fmt: skip
def test_a_date_says_how_long_from_now(said: str, expected: float) -> None:
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert retry.wait_seconds(PATIENCE, 1, said, now) == pytest.approx(expected)


@given(st.text() | st.datetimes().map(lambda when: format_datetime(when)), st.integers(0, 50))
def test_no_word_makes_anyone_wait_for_ever(said: str, attempt: int) -> None:
    assert 0 <= retry.wait_seconds(PATIENCE, attempt, said) <= 40
