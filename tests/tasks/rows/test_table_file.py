"""A table that is written a few rows at a time is the one that is written at once, byte for byte."""

from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.rows.table_file import Groups, TableFile, TableWriter
from tasks.rows.tables import ROWS_OF_GROUP

SCHEMA = {"problem_id": pl.String, "n": pl.Int64}
FRAME = pl.DataFrame({"problem_id": [f"{n:06d}" for n in range(20_000)], "n": range(20_000)}, schema=SCHEMA)


def written(path: Path, *rows: int) -> TableFile:
    """The frame's first rows, in pieces of so many."""
    with TableWriter(path, SCHEMA) as writer:
        start = 0
        for count in rows:
            writer.write(FRAME.slice(start, count))
            start += count
        return writer.finish()


def test_pieces_do_not_show(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole", 20_000)
    assert (whole.rows, pl.read_parquet(whole.path).equals(FRAME)) == (20_000, True)
    for i, pieces in enumerate(([1] * 50 + [19_950], [ROWS_OF_GROUP, 0, ROWS_OF_GROUP, 3616], [7_000, 13_000])):
        assert written(tmp_path / str(i), *pieces).digest == whole.digest
    assert written(tmp_path / "less", 19_999).digest != whole.digest


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    for path, pieces in ((tmp_path / "none", []), (tmp_path / "empty", [0, 0])):
        file = written(path, *pieces)
        assert (file.rows, pl.read_parquet(file.path).schema) == (0, FRAME.schema)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 25), max_size=8), st.integers(1, 10))
def test_groups_are_full_but_the_last_and_hold_every_row_once(pieces: list[int], size: int) -> None:
    groups, start, found = Groups(FRAME.to_arrow().schema, size), 0, []
    for count in pieces:
        found += list(groups.add(FRAME.slice(start, count).to_arrow()))
        start += count
    assert {group.num_rows for group in found} <= {size}
    rest = groups.rest()
    assert rest.num_rows == start - size * len(found) < size
    assert [n for group in (*found, rest) for n in group["n"].to_pylist()] == list(range(start))
