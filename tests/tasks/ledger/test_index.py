"""The key index: every place that was noted for a digest, whatever was merged, dropped or noted twice."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ledger import index
from tasks.ledger.index import KeyIndex, digests

FILES = st.lists(st.lists(st.integers(0, 30), max_size=40), min_size=1, max_size=8)


def of(numbers: list[int]) -> list[str]:
    return [f"key {number}" for number in numbers]


@pytest.fixture(autouse=True, scope="module")
def merged_early() -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(index, "_RECENT", 25)


@given(FILES, st.lists(st.integers(0, 40), max_size=50), st.sets(st.integers(1, 8)))
def test_what_was_noted_is_found_and_nothing_else(
    files: list[list[int]], wanted: list[int], dropped: set[int]
) -> None:
    made = KeyIndex()
    for file, numbers in enumerate(files, start=1):
        made.add(digests(of(numbers)), file, np.arange(len(numbers), dtype=np.uint64))
    if dropped:
        made.drop(dropped)
    left = {file: numbers for file, numbers in enumerate(files, start=1) if file not in dropped}
    places = {file: [row for row, one in enumerate(numbers) if one in set(wanted)] for file, numbers in left.items()}
    found = made.find(digests(of(wanted)))
    assert {file: rows.tolist() for file, rows in found.items()} == {f: rows for f, rows in places.items() if rows}
    known = {one for numbers in left.values() for one in numbers}
    assert made.knows(digests(of(wanted))) == [one in known for one in wanted]
    assert len(made) == len(known)


def test_keys_have_digests_of_their_own() -> None:
    keys = [sha256(b"%d" % number).hexdigest() for number in range(100_000)]
    keys += [f"{number:064x}" for number in range(100_000)]
    assert len(np.unique(digests(keys))) == len(keys)
