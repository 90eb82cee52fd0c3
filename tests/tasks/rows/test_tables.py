"""The same rows give the same Parquet bytes, in any process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.rows.tables import apart, decode, encode, table

REPOSITORY = Path(__file__).parents[3]
SCHEMA = {"id": pl.String, "n": pl.Int64, "x": pl.Float64, "ok": pl.Boolean, "many": pl.List(pl.String)}

WRITER = """
import hashlib, random
import polars as pl
from tasks.rows.tables import encode, table
random.seed(7)
schema = {"id": pl.String, "n": pl.Int64, "x": pl.Float64, "ok": pl.Boolean, "many": pl.List(pl.String)}
rows = [
    {"id": f"{random.getrandbits(64):x}", "n": i, "x": random.random(), "ok": random.choice([True, False, None]),
     "many": [str(j) for j in range(i % 5)] if i % 7 else None}
    for i in range(30_000)
]
print(hashlib.sha256(encode(table(rows, schema))).hexdigest())
"""


def test_bytes_are_the_same_in_every_process_whatever_its_threads_and_hash_seed() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", WRITER],
            cwd=REPOSITORY,
            env={**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads, seed in [("1", "1"), ("2", "2"), ("7", "3")]
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_what_is_encoded_is_decoded_with_types_and_nulls() -> None:
    rows = [
        {"id": "a", "n": 2**62, "x": 0.1, "ok": None, "many": ["x", "é∑"]},
        {"id": None, "n": None, "x": None, "ok": False, "many": None},
        {"id": "", "n": -1, "x": -0.0, "ok": True, "many": []},
    ]
    frame = decode(encode(table(rows, SCHEMA)))
    assert frame.schema == pl.Schema(SCHEMA)
    assert frame.to_dicts() == rows


def test_an_empty_table_keeps_its_columns_and_types() -> None:
    assert decode(encode(table([], SCHEMA))).schema == pl.Schema(SCHEMA)


def test_some_columns_can_be_read_alone() -> None:
    data = encode(table([{"id": "a", "n": 1, "x": 1.0, "ok": True, "many": []}], SCHEMA))
    assert decode(data, ["n"]).to_dicts() == [{"n": 1}]


@pytest.mark.parametrize(
    "row",
    [{"id": 5}, {"n": 1.5}, {"n": "1"}, {"n": 2**70}, {"x": "1"}, {"ok": 1}, {"ok": "true"}, {"many": [1]}],
    ids=repr,
)
def test_a_value_of_another_type_raises_instead_of_becoming_another_value(row: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        table([{"id": "a"}, row], SCHEMA)


def test_a_field_that_the_schema_lacks_raises_instead_of_vanishing() -> None:
    with pytest.raises(ValueError, match="surprise"):
        table([{"id": "a"}, {"id": "b", "surprise": 1}], SCHEMA)


def test_what_a_row_lacks_is_null() -> None:
    assert table([{"id": "a"}], SCHEMA).to_dicts() == [{"id": "a", "n": None, "x": None, "ok": None, "many": None}]


def test_rows_that_are_kept_apart_are_the_same_rows() -> None:
    frame = pl.DataFrame({
        "name": ["a", None, "a text that is longer than what is kept in its place"] * 3,
        "n": [1, 2, None] * 3,
        "parts": [["x"], [], None] * 3,
        "data": [b"1", None, b"23"] * 3,
    })  # fmt: skip
    for one in (frame, frame.filter(pl.col("n") == 2), frame.head(0)):
        assert_frame_equal(apart(one), one)
