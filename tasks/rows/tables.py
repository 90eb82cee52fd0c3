"""Parquet bytes of a table: the same rows always give the same bytes. Pure."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

Schema = Mapping[str, Any]
ROWS_OF_GROUP = 8192


def table(rows: Iterable[Mapping[str, Any]], schema: Schema) -> pl.DataFrame:
    """Rows as a table of exactly `schema` (polars types); what a row lacks is null.

    Raises ValueError for a field that the schema lacks and TypeError for a value that does not fit. Built by
    columns, because polars turns such values into others without a word when it is given rows.
    """
    rows = list(rows)
    unknown = {name for row in rows for name in row} - set(schema)
    if unknown:
        raise ValueError(f"fields {sorted(unknown)} are not among the columns {list(schema)}")
    columns = {name: [row.get(name) for row in rows] for name in schema}
    return pl.DataFrame(columns, schema=dict(schema), strict=True)


def encode(frame: pl.DataFrame) -> bytes:
    """Parquet, zstd, fixed row groups."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True, row_group_size=ROWS_OF_GROUP)
    return buffer.getvalue()


def decode(data: bytes, columns: list[str] | None = None) -> pl.DataFrame:
    """The table in Parquet bytes, or some of its columns."""
    return pl.read_parquet(io.BytesIO(data), columns=columns)


def apart(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows in memory of their own. Polars refers to a text and does not copy it, so rows that were filtered
    out of a frame keep all of its texts in memory: what is kept of many frames is kept apart.
    """
    return pl.DataFrame(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
