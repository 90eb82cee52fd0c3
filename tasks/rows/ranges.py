"""Tables read a range of problems at a time, so that memory does not grow with their rows.

Stages write their tables in the order of `problem_id`, and Parquet keeps the least and greatest of each row group:
a range costs the row groups that it touches, and the last one touched is kept for the next range.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import StorageError
from tasks.rows.manifest import FileRef
from tasks.rows.storage import Storage


class Ranged:
    """One Parquet table with a column `problem_id`, as a context manager."""

    def __init__(self, storage: Storage, file: FileRef, columns: list[str] | None = None) -> None:
        """`columns`: those to read, `problem_id` among them; by default all."""
        self._storage, self._file, self._columns = storage, file, columns
        self._open = ExitStack()
        self._held: dict[int, pl.DataFrame] = {}

    def __enter__(self) -> Self:
        """Raises `StorageError` for a file that is no Parquet."""
        opened = self._open.enter_context(self._storage.opened(self._file.name))
        try:
            self._parquet = pq.ParquetFile(opened)
        except pa.ArrowException as fault:
            self._open.close()
            raise StorageError(f"{self._storage.root}/{self._file.name} is no Parquet: {fault}") from fault
        self._bounds = [self._bound(group) for group in range(self._parquet.metadata.num_row_groups)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.clear()
        self._open.close()

    def between(self, low: str, high: str | None) -> pl.DataFrame:
        """The rows whose `problem_id` lies in [low, high), or from `low` on; call with ascending ranges."""
        wanted = [
            group
            for group, (least, most) in enumerate(self._bounds)
            if most >= low and (high is None or least < high)
        ]
        self._held = {group: self._read(group) for group in wanted}
        if not wanted:
            return self._empty()
        inside = pl.col("problem_id") >= low
        if high is not None:
            inside &= pl.col("problem_id") < high
        found = pl.concat([frame.filter(inside) for frame in self._held.values()])
        self._held = {wanted[-1]: self._held[wanted[-1]]}
        return found

    def pieces(self) -> Iterator[pl.DataFrame]:
        """The whole table, a row group at a time."""
        for group in range(self._parquet.metadata.num_row_groups):
            yield pl.DataFrame(self._parquet.read_row_group(group, self._columns))

    def _read(self, group: int) -> pl.DataFrame:
        if group in self._held:
            return self._held[group]
        return pl.DataFrame(self._parquet.read_row_group(group, self._columns))

    def _empty(self) -> pl.DataFrame:
        found = pl.DataFrame(self._parquet.schema_arrow.empty_table())
        return found if self._columns is None else found.select(self._columns)

    def _bound(self, group: int) -> tuple[str, str]:
        """The least and the greatest problem of a row group; where the file does not say, any may be in it."""
        columns = self._parquet.schema_arrow.names
        found = self._parquet.metadata.row_group(group).column(columns.index("problem_id")).statistics
        return (found.min, found.max) if found is not None and found.has_min_max else ("", "\U0010ffff")


def is_whole(storage: Storage, file: FileRef) -> bool:
    """Whether a file's bytes are those that were committed; it is read in pieces."""
    return storage.digest(file.name) == file.digest


@cache
def check_once(storage: Storage, file: FileRef) -> None:
    """`check`, where it was not done in this process yet: files never change."""
    check(storage, file)


def check(storage: Storage, file: FileRef) -> None:
    """Raise `StorageError` unless a file's bytes are those that were committed."""
    if not is_whole(storage, file):
        raise StorageError(
            f"{storage.root}/{file.name} is not what its stage wrote: its digest differs. Restore the file; or "
            "delete the stage's folder, and the stage runs again for free."
        )
