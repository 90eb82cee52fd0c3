"""The log read in parts: whoever needs sums holds one part and the sums, however many attempts there were."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

import polars as pl
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
_SEGMENTS_AT_ONCE = 16
"""Segments are read whole, and each may hold 16 MiB of bodies: those of so many are in memory at once."""
_ROWS_AT_ONCE = 125_000
"""Parts are as many as make them about so large, which is some 50 MiB; at most one for each range of compaction."""
_ROWS_OF_A_SEGMENT = 64
"""About so many: how many there are is not known before one is read."""
_PLACE = re.compile(rf"{LOG}/([0-9a-f]{{3}})-([0-9a-f]{{4}})/")


def fold(storage: Storage, summed: Callable[[pl.DataFrame], Sum], columns: Collection[str] = COLUMNS) -> list[Sum]:
    """What `summed` makes of each part of the log, every event being in one part once; at least one part.

    Events of one row are in one part, and so are those of one attempt and of one request key, which a row's text is
    in. Parts have those of `columns`, and what says which event it is. Compaction may move what is being read: then
    all is read and summed again.
    """
    names = [name for name in COLUMNS if name in _WHICH or name in columns]
    return following(storage, lambda found: [summed(part) for part in _parts(storage, found, names)])


def _parts(storage: Storage, found: Contents, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    step = BUCKETS // _count(found)
    for low in range(0, BUCKETS, step):
        yield _part(storage, found, low, low + step, columns)


def _count(found: Contents) -> int:
    """How many parts: a power of two, so that each is whole ranges."""
    rows = sum(file.rows for file in found.generation.files) + _ROWS_OF_A_SEGMENT * len(found.segments)
    wanted = 1 << (max(0, rows - 1) // _ROWS_AT_ONCE).bit_length()
    return min(wanted, BUCKETS // RANGE)


def _part(storage: Storage, found: Contents, low: int, high: int, columns: Sequence[str]) -> pl.DataFrame:
    """Events of rows whose bucket lies in [low, high), whole ranges of compaction."""
    frames = [pl.DataFrame(schema={name: SCHEMA[name] for name in columns})]
    for file in found.generation.files:
        if low <= file.low < high:
            with storage.opened(file.name) as opened:
                frames.append(framed(pq.ParquetFile(opened, pre_buffer=True).read(list(columns)), columns))
    for (first, end), group in groupby(found.segments, _place):
        if first >= high or end <= low:
            continue
        bucket = bucket_of_row().clip(first, end - 1)  # else one outside its place would be lost
        names = list(group)
        for start in range(0, len(names), _SEGMENTS_AT_ONCE):
            read = storage.read_all(names[start : start + _SEGMENTS_AT_ONCE])
            events = together(tabled(data, columns) for data in read.values())
            frames.append(events.filter(bucket >= low, bucket < high))
    # a client that lost the answer to its put may send a segment again after compaction has taken it away
    return pl.concat(frames).unique(["attempt", "kind"], keep="first", maintain_order=True)


def _place(segment: str) -> tuple[int, int]:
    """The buckets that the segment's writer had: the first, and one past the last."""
    place = _PLACE.match(segment)
    return (int(place[1], 16), int(place[2], 16)) if place else (0, BUCKETS)
