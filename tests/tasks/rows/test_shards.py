"""A plan of shards covers every bucket once, whatever their number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.errors import RecipeError
from tasks.rows.problem import BUCKETS
from tasks.rows.shards import Shard, plan, plan_all

INTAKE = "0123456789abcdef" * 4


@given(st.integers(1, BUCKETS))
def test_every_bucket_lies_in_exactly_one_shard(count: int) -> None:
    shards = plan(INTAKE, count)
    assert len(shards) == count
    assert [bucket for shard in shards for bucket in range(shard.low, shard.high)] == list(range(BUCKETS))
    assert len({shard.name for shard in shards}) == count
    sizes = {shard.high - shard.low for shard in shards}
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("count", [0, -1, BUCKETS + 1])
def test_a_count_that_cannot_be_is_a_recipe_error(count: int) -> None:
    with pytest.raises(RecipeError, match=str(count)):
        plan(INTAKE, count)


def test_names_are_frozen() -> None:
    assert [shard.name for shard in plan(INTAKE, 2)] == ["01234567-000-0800", "01234567-800-1000"]


@pytest.mark.parametrize(("low", "high"), [(-1, 5), (0, BUCKETS + 1), (BUCKETS, BUCKETS), (7, 7), (9, 3)])
def test_a_range_that_holds_no_bucket_or_unknown_ones_is_refused(low: int, high: int) -> None:
    with pytest.raises(ValidationError):
        Shard(intake=INTAKE, low=low, high=high)


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([1000], [16]),
        ([1000, 10], [16, 2]),
        ([1000, 100, 900], [16, 6, 16]),
        ([10, 1000, 10], [16, 16, 2]),
        ([0, 1000], [16, 16]),
        ([1000, 0], [16, 1]),
        ([0], [16]),
    ],
)
def test_a_later_intakes_shards_grow_with_the_root_of_its_rows_and_earlier_ones_stay(
    rows: list[int], counts: list[int]
) -> None:
    intakes = [(f"{number}" * 64, count) for number, count in enumerate(rows)]
    shards = plan_all(intakes, 16)
    assert [sum(shard.intake == intake for shard in shards) for intake, _ in intakes] == counts
    assert shards[: sum(counts[:-1])] == plan_all(intakes[:-1], 16)
    assert sum(shard.high - shard.low for shard in shards) == BUCKETS * len(rows)
