"""`exact` early stopping decides as `off` does, over all sequences of ratings, and asks no more than it must."""

from __future__ import annotations

import asyncio
import json
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.prompt import Prompt, Reply
from tasks.rate.rating import COLUMNS, Settings, decide, judge
from tasks.rate.saving import chances, exact, expected, saving
from tasks.rate.stopping import at_once, certain_drop
from tasks.rows.verdict import Decision, Verdict

half_steps = st.integers(2, 20).map(lambda halves: halves / 2)
gates = st.integers(4, 40).map(lambda quarters: quarters / 4)


def decided(ratings: list[float | None], **settings: object) -> tuple[Decision, list[int]]:
    """The real decision on a row whose sample k is rated `ratings[k]` (None: unreadable), and the samples asked."""
    asked: list[int] = []

    async def ask(prompt: Prompt, *, sample: int = 0) -> Reply:
        asked.append(sample)
        value = ratings[sample]
        said = "no" if value is None else json.dumps({"summary": "s", "reason": "r", "rating": value})
        return Reply(key=f"{len(asked)}", content=said, reasoning="", finish_reason="stop", model="rater")

    values = Settings.model_validate({"samples": len(ratings), **settings})
    return asyncio.run(decide({"problem_id": "0" * 64, "question": "Find n."}, ask, values)), asked


@given(st.lists(half_steps, min_size=1, max_size=8), gates, st.integers(1, 4))
def test_in_rounds_the_decision_is_the_same_and_rounds_are_whole(
    ratings: list[float], gate: float, further: int
) -> None:
    off, _ = decided(list(ratings), gate=gate)
    exact, asked = decided(list(ratings), gate=gate, stopping="exact", further=further)
    assert exact.verdict is off.verdict
    assert len(asked) == len(ratings) or (len(asked) - at_once(len(ratings), gate)) % further == 0


@given(st.lists(half_steps, min_size=1, max_size=8), gates)
def test_exact_decides_as_off_does(ratings: list[float], gate: float) -> None:
    off, _ = decided(list(ratings), gate=gate)
    exact, asked = decided(list(ratings), gate=gate, stopping="exact")
    assert (exact.verdict, exact.reason) == (off.verdict, off.reason)
    assert asked == list(range(len(asked)))
    assert list(exact.columns) == list(COLUMNS)
    if off.verdict is Verdict.KEEP:
        assert exact == off
    else:
        assert exact.columns["ratings"] == ratings[: len(asked)]


@given(st.lists(half_steps, min_size=1, max_size=6), st.integers(0, 4), gates)
def test_a_drop_is_certain_exactly_when_no_ratings_to_come_could_keep_the_row(
    known: list[float], left: int, gate: float
) -> None:
    best = Fraction(sum(map(Fraction, known)) + 10 * left, len(known) + left)
    assert certain_drop(known, len(known) + left, gate) == (best < Fraction(gate))


def test_three_ratings_of_three_levels_exhaustively() -> None:
    """Every sequence, every way to go on: what is stopped is dropped, and never one rating too late."""
    values = [halves / 2 for halves in range(2, 21)]
    for ratings in product(values, repeat=3):
        passed, _ = judge(ratings, 5.0)
        for known in (1, 2):
            if certain_drop(ratings[:known], 3, 5.0):
                assert not passed


@pytest.mark.parametrize("samples", range(1, 8))
@pytest.mark.parametrize("gate", [1.0, 2.0, 5.0, 7.5, 10.0])
def test_the_first_look_is_the_earliest_that_can_stop(samples: int, gate: float) -> None:
    first = at_once(samples, gate)
    assert not any(certain_drop([1.0] * fewer, samples, gate) for fewer in range(1, first))
    assert first == samples or certain_drop([1.0] * first, samples, gate)


def test_an_unreadable_rating_ends_the_asking_and_is_no_verdict() -> None:
    decision, asked = decided([6, 6, None, 6, 6, 6], stopping="exact")
    assert decision.verdict is Verdict.QUARANTINE
    assert sorted(asked) == [0, 1, 2, 2, 3]


def test_a_certain_drop_needs_no_readable_rest() -> None:
    """The one difference to `off`, which buys the rest and sets the row aside if one of them is unreadable."""
    decision, asked = decided([1, 1, 1, 1, None, None], stopping="exact")
    assert (decision.verdict, decision.columns["ratings"]) == (Verdict.DROP, [1, 1, 1, 1])
    assert asked == [0, 1, 2, 3]


@pytest.mark.parametrize(("level", "spread"), [(1.0, 0.0), (3.0, 0.5), (4.5, 1.0), (9.0, 2.0)])
def test_the_expected_number_bought_is_that_of_all_sequences(level: float, spread: float) -> None:
    """Against enumeration of every sequence of three, weighed by its probability."""
    weights = chances(level, spread)
    assert sum(weights.values()) == pytest.approx(1)
    number = 0.0
    for ratings in product(weights, repeat=3):
        stop = next((n for n in range(at_once(3, 5.0), 3) if certain_drop(ratings[:n], 3, 5.0)), 3)
        number += stop * weights[ratings[0]] * weights[ratings[1]] * weights[ratings[2]]
    bought, flipped = expected(level, spread, exact(Settings(samples=3)), samples=3, gate=5.0)
    assert bought == pytest.approx(number, rel=1e-4)
    assert flipped == 0.0


def test_the_saving_on_the_papers_funnel_is_a_share_of_what_the_dropped_rows_cost() -> None:
    told = saving(exact(Settings()), spread=0.5)
    assert 0 < told["saved share of ratings"] < 1 / 3
    assert told["rows with another verdict"] == 0
    assert {told["ratings bought by level"][level] for level in (5.0, 6.5, 8.0)} == {6.0}
