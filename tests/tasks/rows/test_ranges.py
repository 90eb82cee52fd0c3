"""Ranges of a table: each costs the row groups it touches, and gives what a filter of the whole would."""

import itertools
from pathlib import Path

import polars as pl
import pytest

from tasks.errors import StorageError
from tasks.rows.fingerprint import digest_bytes
from tasks.rows.manifest import FileRef
from tasks.rows.ranges import Ranged, check
from tasks.rows.storage import Storage
from tasks.rows.tables import encode

FRAME = pl.DataFrame({"problem_id": [f"{n:05d}" for n in range(0, 40_000, 2)], "n": range(20_000)})


def stored(root: Path, frame: pl.DataFrame = FRAME) -> tuple[Storage, FileRef]:
    storage = Storage(str(root))
    data = encode(frame)
    storage.put("table.parquet", data)
    return storage, FileRef(name="table.parquet", digest=digest_bytes(data), rows=frame.height)


def test_ranges_one_after_the_other_give_the_whole_table(tmp_path: Path) -> None:
    bounds = ["", "00001", "00002", "16383", "16384", "16385", "30000", "39998", "39999", None]
    with Ranged(*stored(tmp_path)) as table:
        for low, high in itertools.pairwise(bounds):
            expected = FRAME.filter(pl.col("problem_id") >= low)
            if high is not None:
                expected = expected.filter(pl.col("problem_id") < high)
            assert table.between(str(low), high).equals(expected)


def test_a_range_without_rows_has_the_columns(tmp_path: Path) -> None:
    with Ranged(*stored(tmp_path, FRAME.head(0))) as table:
        assert table.between("", None).schema == FRAME.schema
    with Ranged(*stored(tmp_path / "other")) as table:
        assert table.between("99999", None).schema == FRAME.schema


def test_bytes_that_are_not_those_committed_are_told(tmp_path: Path) -> None:
    storage, file = stored(tmp_path)
    check(storage, file)
    path = tmp_path / "table.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match=r"table\.parquet is not what its stage wrote"):
        check(storage, file)
