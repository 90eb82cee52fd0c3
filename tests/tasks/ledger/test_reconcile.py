"""The log beside a provider's export: what differs is found, and what cannot be read is never taken for nothing."""

from typing import Any

import polars as pl
import pytest

from tasks.errors import SourceError
from tasks.ledger.events import Asker, Event, segment, stored
from tasks.ledger.reconcile import Difference, compare, ours, theirs
from tasks.ledger.spend import outcomes

AT = 1_795_305_600_000  # 2026-11-22 00:00 UTC
USAGE = b"""start_time,end_time,start_time_iso,end_time_iso,num_model_requests,model,input_tokens,output_tokens
1795219200,1795305600,2026-11-21T00:00:00+00:00,2026-11-22T00:00:00+00:00,,,,
1795305600,1795392000,2026-11-22T00:00:00+00:00,2026-11-23T00:00:00+00:00,2,gpt-a,30,10
1795305600,1795392000,2026-11-22T00:00:00+00:00,2026-11-23T00:00:00+00:00,1,gpt-a,10,5
"""
COSTS = b"""start_time,end_time,amount_value,amount_currency,line_item
1795305600,1795392000,0.000100,usd,"gpt-a, input"
1795305600,1795392000,0.000200,usd,"gpt-a, output"
"""


def log(*replies: tuple[str, int], **other: Any) -> pl.DataFrame:
    """Replies of (model, Unix milliseconds): 10 tokens in, 5 out, 100 micro-dollars each."""
    asker = Asker(run="r", stage="rate", shard="s", problem_id="p", role="rater")
    facts = {"status": "reply", "prompt_tokens": 10, "completion_tokens": 5, "microusd": 100, **other}
    common: dict[str, Any] = {"kind": "outcome", "asker": asker, "endpoint": "e", "sample": 0, **facts}
    return stored(
        segment(
            [
                Event(attempt=f"{i}", key=f"{i}", at_ms=at, model=model, **common)
                for i, (model, at) in enumerate(replies)
            ]
        )
    )


THREE = [("gpt-a@2026", AT), ("gpt-a@2026", AT + 1), ("gpt-a@2026", AT + 86_399_999)]


def differences(mine: pl.DataFrame, data: bytes, rounding: int = 0) -> list[tuple[str, str, str, int]]:
    return [
        (d.model, d.day, d.what, d.difference) for d in compare(ours(outcomes(mine)), theirs(data, "x.csv"), rounding)
    ]


def test_equal_books_have_no_differences_and_lines_of_a_day_add_up() -> None:
    assert differences(log(*THREE), USAGE.replace(b"30,10", b"20,10")) == []
    assert differences(log(*THREE), COSTS) == []


def test_what_differs_is_named_with_both_sides() -> None:
    (found,) = compare(ours(outcomes(log(*THREE))), theirs(USAGE, "x.csv"), 0)
    assert found == Difference(model="gpt-a", day="2026-11-22", what="input_tokens", ours=30, theirs=40)
    assert found.difference == -10


def test_costs_may_differ_by_the_rounding_and_no_more() -> None:
    dearer = COSTS.replace(b"0.000200", b"0.000250")
    assert differences(log(*THREE), dearer, 50) == []
    assert differences(log(*THREE), dearer, 49) == [("gpt-a", "2026-11-22", "microusd", -50)]


def test_models_and_days_that_only_one_side_has_are_differences() -> None:
    found = differences(
        log(("gpt-b@1", AT), ("gpt-a@1", AT - 1)),
        COSTS.replace(b"1795305600,1795392000,0.000200", b"1795219200,1795305600,0.000200"),
    )
    assert found == [
        ("gpt-a", "2026-11-21", "microusd", -100),
        ("gpt-a", "2026-11-22", "microusd", -100),
        ("gpt-b", "2026-11-22", "microusd", 100),
    ]


def test_days_that_the_export_does_not_cover_are_not_compared_but_days_without_use_are() -> None:
    day = 86_400_000
    early, quiet, late = (("gpt-a@2026", AT + n * day) for n in (-2, -1, 1))
    assert differences(log(*THREE, early, late), COSTS) == []
    found = differences(log(*THREE, early, quiet), USAGE.replace(b"30,10", b"20,10"))
    assert found == [
        ("gpt-a", "2026-11-21", what, n) for what, n in [("requests", 1), ("input_tokens", 10), ("output_tokens", 5)]
    ]


def test_errors_and_intents_are_no_requests() -> None:
    assert ours(outcomes(log(*THREE, status="error"))) == {}
    assert ours(outcomes(log(*THREE, kind="intent"))) == {}


def test_json_lines_are_read_as_well() -> None:
    data = b'{"day": "2026-11-22", "model": "gpt-a", "requests": 2, "cost": 0.0003}\n'
    assert differences(log(*THREE), data) == [("gpt-a", "2026-11-22", "requests", 1)]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "no usage export"),
        (b"model,requests\ngpt-a,1\n", "column for the day"),
        (b"day,model\n2026-11-22,gpt-a\n", "at least one count"),
        (b"day,model,requests\n2026-11-22,gpt-a\n", "as many fields"),
        (b"day,model,requests\n2026-11-22,gpt-a,many\n", "record 1"),
        (b"day,model,requests\nyesterday,gpt-a,1\n", "record 1"),
        (b"\xff\xfe", "neither CSV"),
        (b'{"day": "2026-11-22", "model": "a", "requests": 1}\n{"day"\n', "neither CSV"),
        (COSTS.replace(b"usd", b"eur"), "not USD"),
    ],
)
def test_an_export_that_cannot_be_read_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        theirs(data, "x.csv")
