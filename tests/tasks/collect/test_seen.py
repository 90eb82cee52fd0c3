"""Which rows older intakes saw, and which of these intakes stand."""

from collections.abc import Sequence
from hashlib import sha256

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.collect.seen import AT_ONCE, Seen, standing, unseen
from tasks.collect.source import RawRow


def identity(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def intake(digest: str, upstream: str, *names: str) -> Seen:
    return Seen(digest, upstream, pl.Series([identity(name) for name in names], dtype=pl.String))


def row(name: str) -> RawRow:
    return RawRow(row_id=identity(name), source="s", locator=name)


@pytest.mark.parametrize(
    ("intakes", "present", "expected"),
    [
        ([], "ab", []),
        ([("1", "g", "a", "b")], "abc", ["1"]),
        ([("2", "1", "c"), ("1", "g", "a", "b")], "abc", ["1", "2"]),
        ([("2", "1", "c"), ("1", "g", "a", "b")], "abd", ["1"]),
        ([("2", "1", "c"), ("1", "g", "a", "b")], "acd", []),
        ([("1", "g", "a"), ("2", "g", "a", "b")], "ab", ["2"]),
        ([("1", "g", "a"), ("2", "g", "b")], "ab", ["2"]),
        ([("1", "elsewhere", "a")], "a", []),
    ],
    ids=range(8),
)
def test_older_intakes_stand_while_their_rows_are_all_there(
    intakes: list[tuple[str, ...]], present: str, expected: list[str]
) -> None:
    for order in (1, -1):
        seen = [intake(*one) for one in intakes[::order]]
        known = {name for one in intakes for name in one[2:]}
        assert [one.locator for one in unseen(map(row, present), seen)] == [n for n in present if n not in known]
        assert standing(seen, "g") == expected


@given(st.sets(st.integers(0, 60)), st.lists(st.integers(0, 60)))
def test_what_an_intake_saw_is_what_a_set_would_tell(ids: set[int], looked_for: Sequence[int]) -> None:
    seen = intake("1", "g", *map(str, ids))
    assert [int(one.locator) for one in seen.of(row(str(n)) for n in looked_for)] == [
        n for n in looked_for if n in ids
    ]
    assert seen.stands == (ids <= set(looked_for))


def test_rows_come_in_their_order_whatever_their_number() -> None:
    names = [str(n) for n in range(2 * AT_ONCE + 1)]
    seen = intake("1", "g", *names[::3])
    assert [one.locator for one in unseen(map(row, names), [seen])] == [n for i, n in enumerate(names) if i % 3]
    assert seen.stands
