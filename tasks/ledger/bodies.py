"""Rows of ledger files by number: only the row groups that are needed are read, and the last ones stay decoded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from tasks.ledger.events import framed, stored
from tasks.ledger.index import Numbers
from tasks.ledger.log import LOG
from tasks.rows.storage import Storage

COLUMNS = ["key", "lease", "at_ms", "attempt", "body", "microusd"]
Row = tuple[Any, ...]
_SEGMENTS_AT_ONCE = 16
_DECODED_BYTES = 32 * 2**20
_FOOTERS = 64


class Bodies:
    """Reads `COLUMNS` of rows. Not thread-safe. Raises `Absent` if a file is gone."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._decoded: OrderedDict[tuple[str, int], pl.DataFrame] = OrderedDict()
        self._decoded_bytes = 0
        self._footers: OrderedDict[str, pq.FileMetaData] = OrderedDict()

    def rows(self, wanted: Mapping[str, Numbers]) -> Iterator[tuple[str, int, Row]]:
        """(file, row number, row) for each of the row numbers, which ascend, of each file; in no order."""
        segments = [name for name in wanted if name.startswith(LOG)]
        for start in range(0, len(segments), _SEGMENTS_AT_ONCE):
            some = segments[start : start + _SEGMENTS_AT_ONCE]
            self._read_segments([name for name in some if (name, 0) not in self._decoded])
            for name in some:
                yield from _pick(name, 0, self._use(name, 0), wanted[name])
            self._shrink()
        for name in wanted.keys() - set(segments):
            yield from self._compacted(name, wanted[name])

    def _read_segments(self, names: list[str]) -> None:
        for name, data in self._storage.read_all(names).items():
            self._keep(name, 0, stored(data, COLUMNS))

    def _compacted(self, name: str, wanted: Numbers) -> Iterator[tuple[str, int, Row]]:
        footer = self._footer(name)
        starts = [0, *accumulate(footer.row_group(group).num_rows for group in range(footer.num_row_groups))]
        of = np.searchsorted(starts, wanted, "right") - 1
        groups = {int(group): wanted[of == group] for group in np.unique(of)}
        absent = [group for group in groups if (name, group) not in self._decoded]
        for group in groups.keys() - set(absent):
            yield from _pick(name, starts[group], self._use(name, group), groups[group])
        if not absent:
            return
        with self._storage.opened(name) as file:
            parquet = pq.ParquetFile(file, metadata=footer, pre_buffer=True)
            for group in absent:
                self._keep(name, group, framed(parquet.read_row_group(group, COLUMNS, use_threads=False), COLUMNS))
                yield from _pick(name, starts[group], self._use(name, group), groups[group])
                self._shrink()

    def _footer(self, name: str) -> pq.FileMetaData:
        footer = self._footers.pop(name, None)
        if footer is None:
            with self._storage.opened(name) as file:
                footer = pq.read_metadata(file)
        self._footers[name] = footer
        while len(self._footers) > _FOOTERS:
            self._footers.popitem(last=False)
        return footer

    def _use(self, name: str, group: int) -> pl.DataFrame:
        self._decoded.move_to_end((name, group))
        return self._decoded[name, group]

    def _keep(self, name: str, group: int, frame: pl.DataFrame) -> None:
        self._decoded[name, group] = frame
        self._decoded_bytes += int(frame.estimated_size())

    def _shrink(self) -> None:
        while self._decoded_bytes > _DECODED_BYTES:
            self._decoded_bytes -= int(self._decoded.popitem(last=False)[1].estimated_size())


def _pick(name: str, start: int, frame: pl.DataFrame, rows: Numbers) -> Iterator[tuple[str, int, Row]]:
    picked = frame[rows - np.uint64(start)].iter_rows()
    return ((name, row, values) for row, values in zip(rows.tolist(), picked, strict=True))
