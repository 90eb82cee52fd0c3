"""Tables on local disk, written a few rows at a time: for what memory does not hold.

Same rows in the same order, same bytes, in whatever pieces they came: row groups have a fixed number of rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.rows.tables import ROWS_OF_GROUP, Schema, table


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    """A finished Parquet file on local disk; `digest` is the SHA-256 of its bytes."""

    path: Path
    digest: str
    rows: int


class Groups:
    """Rows that come in pieces of any number, as row groups of one number."""

    def __init__(self, schema: pa.Schema, size: int) -> None:
        self._schema, self._size = schema, size
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, rows: pa.Table) -> Iterator[pa.Table]:
        """The groups that are full with these rows; to be drawn to the end."""
        self._waiting.append(rows)
        self._rows += rows.num_rows
        if self._rows < self._size:
            return
        every = pa.concat_tables(self._waiting)
        whole = every.num_rows - every.num_rows % self._size
        self._waiting, self._rows = [every.slice(whole)], every.num_rows - whole
        for start in range(0, whole, self._size):
            yield every.slice(start, self._size).combine_chunks()  # pages end where chunks do

    def rest(self) -> pa.Table:
        """The rows that fill no group, maybe none."""
        return pa.concat_tables([self._schema.empty_table(), *self._waiting]).combine_chunks()


class TableWriter:
    """Writes one table to a file, as a context manager."""

    def __init__(self, path: Path, schema: Schema) -> None:
        """`schema`: polars types by column."""
        self._path, self._rows = path, 0
        self._schema: pa.Schema = table([], schema).to_arrow().schema
        self._groups = Groups(self._schema, ROWS_OF_GROUP)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._writer = self._open.enter_context(pq.ParquetWriter(self._path, self._schema, compression="zstd"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def write(self, rows: pl.DataFrame) -> None:
        """Append rows, which have the writer's columns."""
        self._rows += rows.height
        for group in self._groups.add(rows.to_arrow().cast(self._schema)):
            self._writer.write_table(group, row_group_size=ROWS_OF_GROUP)

    def finish(self) -> TableFile:
        """End the file."""
        rest = self._groups.rest()
        if rest.num_rows or not self._rows:
            self._writer.write_table(rest, row_group_size=ROWS_OF_GROUP)
        self._open.close()
        with self._path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        return TableFile(path=self._path, digest=found, rows=self._rows)
