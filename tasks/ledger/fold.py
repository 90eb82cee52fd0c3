"""The log read in parts: whoever needs sums holds one part and the sums, however many attempts there were."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import TypeVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ledger.compaction import RANGE, bucket_of_row
from tasks.ledger.contents import Contents, following
from tasks.ledger.events import SCHEMA, framed, tabled, together
from tasks.ledger.log import LOG
from tasks.rows.problem import BUCKETS
from tasks.rows.storage import Storage

Sum = TypeVar("Sum")
COLUMNS = (
    *("kind", "attempt", "key", "run", "stage", "shard", "problem_id", "role", "model", "endpoint", "at_ms", "lease"),
    *("bound_microusd", "status", "error", "prompt_tokens", "cached_tokens", "completion_tokens", "microusd"),
)
"""All but requests and bodies."""
_WHICH = ("kind", "attempt", "problem_id")
FEW_SEGMENTS = 512
"""Events of so many make about one part: they are read once and held."""
_SEGMENTS_AT_ONCE = 16
"""Segments are read whole, and each may hold 16 MiB of bodies: those of so many are in memory at once."""
_ROWS_AT_ONCE = 30_000
"""Parts are as many as make them about so large, which is some 15 MiB; at most one for each bucket."""
_ROWS_OF_A_SEGMENT = 64
"""About so many: how many there are is not known before one is read."""
_PLACE = re.compile(rf"{LOG}/([0-9a-f]{{3}})-([0-9a-f]{{4}})/")


def fold(
    storage: Storage,
    summed: Callable[[pl.DataFrame], Sum],
    columns: Collection[str] = COLUMNS,
    run: str | None = None,
) -> list[Sum]:
    """What `summed` makes of each part of the log, every event being in one part once; at least one part.

    Events of one row are in one part, and so are those of one attempt and of one request key, which a row's text is
    in. Parts have those of `columns`, and what says which event it is; with `run`, that run's events alone: of what
    was compacted before it began next to nothing is read. Compaction may move what is being read: then all is read
    and summed again.
    """
    wanted = {*_WHICH, *columns} | ({"run"} if run is not None else set())
    names = [name for name in COLUMNS if name in wanted]
    return following(storage, lambda found: [summed(part) for part in _parts(storage, found, names, run)])


def _parts(storage: Storage, found: Contents, columns: Sequence[str], run: str | None) -> Iterator[pl.DataFrame]:
    step = BUCKETS // _count(found)
    span = max(step, RANGE)
    fresh_of = _fresh(storage, found, columns, run)
    for low in range(0, BUCKETS, span):
        with ExitStack() as opened:
            files = [
                pq.ParquetFile(opened.enter_context(storage.opened(file.name)), pre_buffer=True)
                for file in found.generation.files
                if low <= file.low < low + span
            ]
            fresh = fresh_of(low, low + span)
            for first in range(low, low + span, step):
                stored = [framed(_rows_of(file, first, first + step, columns, run), columns) for file in files]
                part = _of_run(pl.concat([fresh, *stored]), run)
                if step < span:
                    part = part.filter(bucket_of_row().clip(low, low + span - 1).is_between(first, first + step - 1))
                # a client that lost the answer to its put may send a segment again after compaction has taken it away
                yield part.unique(["attempt", "kind"], keep="first", maintain_order=True)


def _count(found: Contents) -> int:
    """How many parts: a power of two, so that each is whole ranges of compaction or lies in one."""
    rows = sum(file.rows for file in found.generation.files) + _ROWS_OF_A_SEGMENT * len(found.segments)
    wanted = 1 << (max(0, rows - 1) // _ROWS_AT_ONCE).bit_length()
    return min(wanted, BUCKETS)


def _rows_of(file: pq.ParquetFile, low: int, high: int, columns: Sequence[str], run: str | None) -> pa.Table:
    """The row groups of a compacted file, which is sorted by row, that may have rows of the buckets [low, high).

    Ids that are no numbers count as bucket 0, wherever they lie. With `run`, groups that may have events of it.
    """

    def may_have(group: int) -> bool:
        ids = _ends(file, group, "problem_id")
        is_near = low == 0 or ids is None or (ids[1][:3] >= f"{low:03x}" and ids[0][:3] <= f"{high - 1:03x}")
        runs = _ends(file, group, "run") if run is not None else None
        return is_near and (runs is None or runs[0] <= str(run) <= runs[1])

    return file.read_row_groups([group for group in range(file.num_row_groups) if may_have(group)], list(columns))


def _ends(file: pq.ParquetFile, group: int, column: str) -> tuple[str, str] | None:
    """The least and the greatest text of a column in a row group; None where the file does not say."""
    told = file.metadata.row_group(group).column(file.schema_arrow.get_field_index(column)).statistics
    return None if told is None or not told.has_min_max else (str(told.min), str(told.max))


def _of_run(events: pl.DataFrame, run: str | None) -> pl.DataFrame:
    return events if run is None else events.filter(run=run)


def _fresh(
    storage: Storage, found: Contents, columns: Sequence[str], run: str | None
) -> Callable[[int, int], pl.DataFrame]:
    """Gives the events of segments for rows whose bucket lies in [low, high)."""
    if len(found.segments) > FEW_SEGMENTS:
        return lambda low, high: _of_segments(storage, found, low, high, columns, run)
    every = _of_segments(storage, found, 0, BUCKETS, columns, run)
    bucket = bucket_of_row().clip(0, BUCKETS - 1)
    return lambda low, high: every.filter(bucket >= low, bucket < high)


def _of_segments(
    storage: Storage, found: Contents, low: int, high: int, columns: Sequence[str], run: str | None
) -> pl.DataFrame:
    """Events of segments for rows whose bucket lies in [low, high)."""
    frames = [pl.DataFrame(schema={name: SCHEMA[name] for name in columns})]
    for (first, end), group in groupby(found.segments, _place):
        if first >= high or end <= low:
            continue
        bucket = bucket_of_row().clip(first, end - 1)  # else one outside its place would be lost
        names = list(group)
        for start in range(0, len(names), _SEGMENTS_AT_ONCE):
            read = storage.read_all(names[start : start + _SEGMENTS_AT_ONCE])
            events = together(tabled(data, columns) for data in read.values())
            frames.append(_of_run(events, run).filter(bucket >= low, bucket < high))
    return pl.concat(frames)


def _place(segment: str) -> tuple[int, int]:
    """The buckets that the segment's writer had: the first, and one past the last."""
    place = _PLACE.match(segment)
    return (int(place[1], 16), int(place[2], 16)) if place else (0, BUCKETS)
