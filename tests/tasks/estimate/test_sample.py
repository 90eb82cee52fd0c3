"""What a sample tells holds its source's truth nine times of ten, and what it cannot tell it leaves out."""

import numpy as np
import pytest

from tasks.estimate.assumptions import DRAWS
from tasks.estimate.sample import mean, per_thousand, share


def test_a_share_holds_the_sources_in_most_samples() -> None:
    chance = np.random.default_rng(7)
    found = [share(int(chance.binomial(60, 0.2)), 60) for _ in range(1000)]
    assert sum(one is not None and one.holds(0.2) for one in found) >= 870


def test_a_mean_holds_the_sources_in_most_samples() -> None:
    chance = np.random.default_rng(7)
    found = [mean(chance.normal(5.5, 1.5, 12)) for _ in range(1000)]
    assert sum(one is not None and one.holds(5.5) for one in found) >= 870


def test_none_found_is_not_none_there() -> None:
    none, every = share(0, 30), share(30, 30)
    assert none is not None
    assert every is not None
    assert none.low < 0.01 < none.high < 0.15
    assert 0.85 < every.low < 0.99 < every.high


@pytest.mark.parametrize("values", [[], [4.0]])
def test_fewer_than_two_say_nothing_of_a_mean(values: list[float]) -> None:
    assert mean(np.asarray(values)) is None


def test_of_nothing_there_is_no_share() -> None:
    assert share(0, 0) is None


def test_a_thousand_accepted_rows_cost_what_they_take_with_all_that_are_not() -> None:
    found = per_thousand(np.full(DRAWS, 12.0), np.full(DRAWS, 40.0))
    assert found is not None
    assert (found.low, found.middle, found.high) == (300.0, 300.0, 300.0)


def test_what_may_accept_nothing_has_no_price() -> None:
    accepted = np.full(DRAWS, 5.0)
    accepted[: DRAWS // 10] = 0
    assert per_thousand(np.full(DRAWS, 1.0), accepted) is None
    accepted[DRAWS // 50 : DRAWS // 10] = 2.0  # two of a hundred draws accept nothing: they cost what the dearest do
    found = per_thousand(np.full(DRAWS, 1.0), accepted)
    assert found is not None
    assert (found.middle, found.high) == (200.0, 500.0)
