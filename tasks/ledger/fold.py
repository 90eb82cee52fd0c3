"""The log read in parts: whoever needs sums holds one part and the sums, however many attempts there were."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
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
    *("kind", "attempt", "key", "run", "stage", "shard", "problem_id", "role", "model", "endpoint", "at_ms"),
    *(
        "bound_microusd",
        "status",
        "error",
        "prompt_tokens",
        "cached_tokens",
        "completion_tokens",
        "microusd",
        "lease",
    ),
)
"""All but requests and bodies."""
_SEGMENTS_AT_ONCE = 16
"""Segments are read whole, and each may hold 16 MiB of bodies: those of so many are in memory at once."""
_FEW_SEGMENTS, _FEW_ROWS = 8_192, 500_000
"""A log that is no larger is one part."""
_PLACE = re.compile(rf"{LOG}/([0-9a-f]{{3}})-([0-9a-f]{{4}})/")


def fold(storage: Storage, summed: Callable[[pl.DataFrame], Sum]) -> list[Sum]:
    """What `summed` makes of each part of the log, every event being in one part once; at least one part.

    Events of one row are in one part, and so are those of one attempt and of one request key, which a row's text is
    in. Columns are `COLUMNS`. Compaction may move what is being read: then all is read and summed again.
    """
    return following(storage, lambda found: [summed(part) for part in _parts(storage, found)])


def _parts(storage: Storage, found: Contents) -> Iterator[pl.DataFrame]:
    rows = sum(file.rows for file in found.generation.files)
    is_small = rows <= _FEW_ROWS and len(found.segments) <= _FEW_SEGMENTS
    step = BUCKETS if is_small else RANGE
    for low in range(0, BUCKETS, step):
        yield _part(storage, found, low, low + step)


def _part(storage: Storage, found: Contents, low: int, high: int) -> pl.DataFrame:
    """Events of rows whose bucket lies in [low, high), whole ranges of compaction."""
    frames = [pl.DataFrame(schema={name: SCHEMA[name] for name in COLUMNS})]
    for file in found.generation.files:
        if low <= file.low < high:
            with storage.opened(file.name) as opened:
                frames.append(framed(pq.read_table(opened, columns=list(COLUMNS)), COLUMNS))
    for (first, end), group in groupby(found.segments, _place):
        if first >= high or end <= low:
            continue
        bucket = bucket_of_row().clip(first, end - 1)  # else one outside its place would be lost
        names = list(group)
        for start in range(0, len(names), _SEGMENTS_AT_ONCE):
            read = storage.read_all(names[start : start + _SEGMENTS_AT_ONCE])
            events = together(tabled(data, COLUMNS) for data in read.values())
            frames.append(events.filter(bucket >= low, bucket < high))
    # a client that lost the answer to its put may send a segment again after compaction has taken it away
    return pl.concat(frames).unique(["attempt", "kind"], keep="first", maintain_order=True)


def _place(segment: str) -> tuple[int, int]:
    """The buckets that the segment's writer had: the first, and one past the last."""
    place = _PLACE.match(segment)
    return (int(place[1], 16), int(place[2], 16)) if place else (0, BUCKETS)
