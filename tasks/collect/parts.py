"""Rows on local disk, in as many files as it takes for one of them to fit into memory.

A row's part is told by the first hex digits of one of its columns, so rows that are equal there come to the same
part, and the parts follow each other in that column's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow.parquet as pq

from tasks.rows.tables import Schema, table

COUNT = 64
"""Of 3 million rows of 2 KB a part is 100 MB."""
_DIGITS = 3
_WAITING_BYTES = 48 << 20
_GROUPS_AT_ONCE = 16


class Parts:
    """Tables of one schema: written as a context manager, then read, and only then deleted."""

    def __init__(self, folder: Path, key: str, schema: Schema, count: int = COUNT) -> None:
        """`key`: a column of hex digits; `count`: from 1 to 4096; `schema`: polars types by column."""
        folder.mkdir(parents=True)
        self._folder, self._key, self._count = folder, key, count
        self._schema = table([], schema)
        self._arrow = self._schema.to_arrow().schema
        self._writers: dict[int, pq.ParquetWriter] = {}
        self._waiting: list[pl.DataFrame] = []
        self._bytes = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._open.close()

    def __iter__(self) -> Iterator[int]:
        """The numbers of all parts."""
        return iter(range(self._count))

    def write(self, rows: pl.DataFrame) -> None:
        """Append rows to their parts; of other columns than the schema's nothing is kept."""
        self._waiting.append(rows.select(self._schema.columns))
        self._bytes += int(rows.estimated_size())
        if self._bytes > _WAITING_BYTES:
            self._flush()

    def read(self, part: int, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows of a part, in the order in which they came, some thousand at a time."""
        if part not in self._writers:
            return
        with pq.ParquetFile(self._path(part)) as file:
            for low in range(0, file.num_row_groups, _GROUPS_AT_ONCE):
                groups = range(low, min(low + _GROUPS_AT_ONCE, file.num_row_groups))
                yield pl.DataFrame(file.read_row_groups(groups, columns))

    def whole(self, part: int, columns: list[str] | None = None) -> pl.DataFrame:
        """All rows of a part, or some of their columns."""
        none = self._schema if columns is None else self._schema.select(columns)
        return pl.concat([none, *(rows.select(none.columns) for rows in self.read(part, columns))])

    def drop(self, part: int) -> None:
        """Delete a part."""
        self._path(part).unlink(missing_ok=True)

    def _flush(self) -> None:
        if not self._waiting:
            return
        rows = pl.concat(self._waiting, rechunk=True)
        self._waiting, self._bytes = [], 0
        digits = pl.col(self._key).str.slice(0, _DIGITS).str.pad_end(_DIGITS, "0").str.to_integer(base=16)
        parts = rows.with_columns(_part=digits * self._count // 16**_DIGITS).partition_by(
            "_part", as_dict=True, include_key=False, maintain_order=True
        )
        for (part,), own in parts.items():
            self._writer(int(part)).write_table(own.to_arrow().cast(self._arrow))

    def _writer(self, part: int) -> pq.ParquetWriter:
        if part not in self._writers:
            made = pq.ParquetWriter(self._path(part), self._arrow, compression="lz4", use_dictionary=False)
            self._writers[part] = self._open.enter_context(made)
        return self._writers[part]

    def _path(self, part: int) -> Path:
        return self._folder / f"{part:04d}.parquet"
