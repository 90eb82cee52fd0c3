"""Parquet and CSV, a batch or a line at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.collect.readers.record import LONGEST, Record, of_fields
from tasks.errors import SourceError

_ROWS_AT_ONCE = 1024


def parquet(file: IO[bytes], columns: Sequence[str]) -> Iterator[Record]:
    """The rows of a Parquet file that can be sought in; only those of `columns` that it has are read.

    Raises `SourceError` if it is no Parquet file, or has none of them.
    """
    try:
        opened = pq.ParquetFile(file)
        wanted = [name for name in opened.schema_arrow.names if name in set(columns)]
        if not wanted:
            raise SourceError(f"it has none of the columns {list(columns)}, only {opened.schema_arrow.names}")
        number = 0
        for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                yield of_fields(number, row)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as fault:
        raise SourceError(f"it is no Parquet file that can be read: {fault}") from fault


def separated(file: IO[bytes], columns: Sequence[str], separator: str) -> Iterator[Record]:
    """The rows of a CSV file with a header, in UTF-8; `number` is the line that a row ends on, as CSV counts.

    Raises `SourceError` if its header has none of `columns`.
    """
    csv.field_size_limit(LONGEST)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        rows = csv.reader(text, delimiter=separator, strict=True)
        header = next(rows, [])
        places = {name: place for place, name in enumerate(header) if name in set(columns)}
        if not places:
            raise SourceError(f"its first line names none of the columns {list(columns)}, only {header[:8]}")
        while (row := _next(rows)) is not None:
            if isinstance(row, Record):
                yield row
            elif len(row) != len(header) and row:
                fault = f"{len(row)} fields, but the first line has {len(header)}"
                raw = separator.join(row).encode("utf-8", "surrogateescape")
                yield Record(number=rows.line_num, raw=raw, fault=fault)
            elif row:
                yield of_fields(rows.line_num, {name: row[place] for name, place in places.items()})
    finally:
        text.detach()


def _next(rows: Iterator[list[str]]) -> list[str] | Record | None:
    """The next row, or the fault of one that the format forbids; None at the end."""
    try:
        return next(rows, None)
    except csv.Error as fault:
        line = rows.line_num  # type: ignore[attr-defined]
        return Record(number=line, raw=f"{line}".encode(), fault=f"not CSV: {fault}")
