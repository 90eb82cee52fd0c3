"""Rows on local disk, in as many parts as it takes for one of them to fit into memory.

A row's part is told by the first hex digits of one of its columns, so rows that are equal there come to the same
part, and the parts follow each other in that column's order. A file holds a part, or several where there turn out to
be many rows: it is then read once for each.
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

FILES = 64
"""So many are open at a time for each table that is written."""
ROWS_OF_A_PART = 8192
"""About so many at most; of 2 KB each that is 16 MB."""
_DIGITS, _MOST_PARTS = 3, 16**3
_WAITING_BYTES = 16 << 20
_GROUPS_AT_ONCE = 16


class Parts:
    """Tables of one schema: written as a context manager, then read, and only then deleted."""

    def __init__(self, folder: Path, key: str, schema: Schema, files: int = FILES, times: int = 1) -> None:
        """`key`: a column of hex digits; `schema`: polars types by column; at most 4096 parts, `times` a file."""
        folder.mkdir(parents=True)
        self._folder, self._key, self._files, self._times = folder, key, files, times
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
        return iter(range(self._files * self._times))

    def cut(self, times: int) -> None:
        """Read each file as so many parts from now on."""
        self._times = times

    def write(self, rows: pl.DataFrame) -> None:
        """Append rows to their parts; of other columns than the schema's nothing is kept."""
        self._waiting.append(rows.select(self._schema.columns))
        self._bytes += int(rows.estimated_size())
        if self._bytes > _WAITING_BYTES:
            self._flush()

    def read(self, part: int, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows of a part, in the order in which they came, some thousand at a time."""
        number = part // self._times
        if number not in self._writers:
            return
        wanted = columns or self._schema.columns
        with pq.ParquetFile(self._path(number)) as file:
            for low in range(0, file.num_row_groups, _GROUPS_AT_ONCE):
                groups = range(low, min(low + _GROUPS_AT_ONCE, file.num_row_groups))
                rows = pl.DataFrame(file.read_row_groups(groups, [*dict.fromkeys((*wanted, self._key))]))
                yield rows.filter(self._part_of(self._files * self._times) == part).select(wanted)

    def whole(self, part: int, columns: list[str] | None = None) -> pl.DataFrame:
        """All rows of a part, or some of their columns."""
        none = self._schema if columns is None else self._schema.select(columns)
        return pl.concat([none, *(rows.select(none.columns) for rows in self.read(part, columns))])

    def drop(self, part: int) -> None:
        """Give up a part, in their order; with the last one in it a file is deleted."""
        if (part + 1) % self._times == 0:
            self._path(part // self._times).unlink(missing_ok=True)

    def _flush(self) -> None:
        if not self._waiting:
            return
        rows = pl.concat(self._waiting, rechunk=True)
        self._waiting, self._bytes = [], 0
        by_file = rows.with_columns(_file=self._part_of(self._files)).partition_by(
            "_file", as_dict=True, include_key=False, maintain_order=True
        )
        for (number,), own in by_file.items():
            self._writer(int(number)).write_table(own.to_arrow().cast(self._arrow))

    def _part_of(self, count: int) -> pl.Expr:
        digits = pl.col(self._key).str.slice(0, _DIGITS).str.pad_end(_DIGITS, "0").str.to_integer(base=16)
        return digits * count // _MOST_PARTS

    def _writer(self, number: int) -> pq.ParquetWriter:
        if number not in self._writers:
            made = pq.ParquetWriter(self._path(number), self._arrow, compression="lz4", use_dictionary=False)
            self._writers[number] = self._open.enter_context(made)
        return self._writers[number]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:04d}.parquet"


def times(rows: int, files: int) -> int:
    """How many parts of a file that many rows are to be read as."""
    return max(1, min(-(-rows // (files * ROWS_OF_A_PART)), _MOST_PARTS // files))
