"""Data files on local disk, before they are named: one writer an export and split, cut into shards by size.

Same rows, same bytes: row groups have a fixed number of rows, and a shard ends with the group that fills it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.rows.table_file import Groups

ROWS_OF_GROUP = 1000
"""A reader that streams holds one row group: with three solutions of 16 KB each, 50 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A finished data file: where it lies on disk, and its name in the data set."""

    local: Path
    name: str
    export: str
    split: str
    digest: str
    rows: int
    size: int


class Shards:
    """Writes the Parquet shards of one export and split into a folder, as a context manager."""

    def __init__(self, folder: Path, export: str, split: str, schema: pa.Schema, bound: int) -> None:
        """`bound`: bytes after which a shard ends with its row group."""
        self._folder, self._export, self._split = folder, export, split
        self._schema, self._bound = schema, bound
        self._groups = Groups(schema, ROWS_OF_GROUP)
        self._written: list[tuple[Path, int]] = []
        self._sink: pa.OSFile | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def write(self, rows: pa.Table) -> None:
        """Append rows, which have the writer's schema."""
        for group in self._groups.add(rows):
            self._group(group)

    def finish(self) -> list[DataFile]:
        """End the last shard and give all of them; a data set without rows is one file with columns."""
        rest = self._groups.rest()
        if rest.num_rows or not self._written:
            self._group(rest)
        self._close()
        count = len(self._written)
        return [self._file(path, rows, number, count) for number, (path, rows) in enumerate(self._written)]

    def _group(self, rows: pa.Table) -> None:
        if self._sink is None:
            path = self._folder / f"{self._export}-{self._split}-{len(self._written):05d}.parquet"
            self._sink = pa.OSFile(str(path), "wb")
            self._writer = pq.ParquetWriter(self._sink, self._schema, compression="zstd")
            self._written.append((path, 0))
        self._writer.write_table(rows, row_group_size=ROWS_OF_GROUP)
        path, before = self._written[-1]
        self._written[-1] = path, before + rows.num_rows
        if self._sink.tell() >= self._bound:
            self._close()

    def _close(self) -> None:
        if self._sink is not None:
            self._writer.close()
            self._sink.close()
            self._sink = None

    def _file(self, path: Path, rows: int, number: int, count: int) -> DataFile:
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        name = f"{self._export}/{self._split}-{number:05d}-of-{count:05d}.parquet"
        return DataFile(
            local=path, name=name, export=self._export, split=self._split, digest=found, rows=rows,
            size=path.stat().st_size,
        )  # fmt: skip


def digests(files: Iterable[DataFile]) -> list[tuple[str, str]]:
    """(name, digest) of files, by name: what a data set's identity is made of."""
    return sorted((one.name, one.digest) for one in files)
