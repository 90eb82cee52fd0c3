"""Compaction: the many small segments become few Parquet files by bucket range, sorted by the row
that asked, as rows are when a stage looks their replies up again.

Three steps, and a crash may come after any part of each:

1. `merge` writes new files. Nobody reads them, for no manifest names them yet.
2. `commit` creates the next generation's manifest. From here on readers use the new files.
3. `clean` deletes what the newest manifest replaced, and files that no manifest names or can ever name.

Every event is kept: intents, errors and replies alike, so spend is the same before and after. Writers are not
disturbed, for a segment never changes. Of two compactors that make the same generation one creates the
manifest; the other deletes its own files and changes nothing. Compacted files are left alone until a range has
gathered many small ones, so the work is in proportion to what is new.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

import polars as pl
import pyarrow as pa

from tasks.errors import Absent, AlreadyExists
from tasks.ledger.contents import COMPACTED, CompactedFile, Contents, Generation, contents, manifest_name, newest
from tasks.ledger.events import tabled, together
from tasks.ledger.log import LOG
from tasks.rows.problem import BUCKETS
from tasks.rows.storage import Storage

RANGE = BUCKETS // 16
ROW_GROUP = 1024
_NAMES_AT_ONCE = 32
_CHUNK_BYTES = 16 * 2**20
"""Events that are held at once, uncompressed. Merging takes some ten times as much memory."""
_SMALL_BYTES, _SMALL_ROWS, _SMALL_TEXTS, _SMALL_FILES = 2**20, 8_192, _CHUNK_BYTES // 2, 8
"""So many compacted files below these sizes in one range are merged with one another. What a whole chunk makes is
above one of them, or it would be merged again for ever: of fewer than 8,192 rows the texts are longer than 8 MiB."""
_TEXTS = pl.col("request", "body")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """What one call did. `won` is False if another compactor was faster; nothing is lost by that."""

    won: bool
    generation: int
    segments: int


def compact(storage: Storage) -> Compaction:
    """Merge all segments that are there now. Safe beside writers, readers and other compactors."""
    clean(storage)
    found = contents(storage)
    if not found.segments:
        return Compaction(won=True, generation=found.generation.number, segments=0)
    try:
        made = merge(storage, found)
    except Absent:
        if newest(storage).number == found.generation.number:
            raise
        won = False  # another compactor has replaced what was being read
    else:
        won = commit(storage, made)
    clean(storage)
    if not won:
        return Compaction(won=False, generation=newest(storage).number, segments=0)
    return Compaction(won=True, generation=made.number, segments=len(made.replaced))


def merge(storage: Storage, found: Contents) -> Generation:
    """Write the files of the next generation, and say what it will be."""
    crowded = _crowded(found.generation.files)
    number, writer = found.generation.number + 1, uuid4().hex[:12]
    files = [file for file in found.generation.files if not any(file.name in names for names in crowded)]
    for names in (found.segments, *crowded):
        for chunk in _chunks(storage, names):
            for low, events in _by_range(chunk):
                name = f"{COMPACTED}/{number:08d}/{low:03x}-{low + RANGE:04x}/{writer}-{len(files):04d}.parquet"
                data = encode(events)
                storage.put(name, data)
                texts = int(events.select(pl.sum_horizontal(_TEXTS.str.len_bytes()).sum()).item())
                files.append(CompactedFile(name=name, low=low, rows=events.height, bytes=len(data), texts=texts))
    return Generation(number=number, files=tuple(files), replaced=found.segments)


def commit(storage: Storage, made: Generation) -> bool:
    """Make a generation the newest; False if another compactor made one of that number first."""
    try:
        storage.create(manifest_name(made.number), made.model_dump_json().encode("utf-8"))
    except AlreadyExists:  # or its own, whose answer was lost: the newest manifest decides, in both cases
        return newest(storage) == made
    return True


def clean(storage: Storage) -> None:
    """Delete what the newest manifest has made superfluous. Any number of processes may do it, at any time.

    The files of a compactor that lost, or was killed before it committed, carry a generation that is taken.
    """
    listed = storage.list(LOG), storage.list(COMPACTED)
    now = newest(storage)
    named, replaced = {file.name for file in now.files}, set(now.replaced)
    files = [name for name in listed[1] if name.endswith(".parquet") and name not in named]
    storage.delete_all([name for name in listed[0] if name in replaced])
    storage.delete_all([name for name in files if _generation(name) <= now.number])


def encode(events: pl.DataFrame) -> bytes:
    """Events as a compacted file: sorted, in row groups small enough to be read one by one."""
    buffer = io.BytesIO()
    ordered = events.sort("problem_id", "key", "kind", "at_ms", "attempt")
    ordered.write_parquet(buffer, compression="zstd", statistics=True, row_group_size=ROW_GROUP)
    return buffer.getvalue()


def _crowded(files: Sequence[CompactedFile]) -> list[list[str]]:
    """The small files of each range that has gathered many."""
    small: defaultdict[int, list[str]] = defaultdict(list)
    for file in files:
        if file.bytes < _SMALL_BYTES and file.rows < _SMALL_ROWS and file.texts < _SMALL_TEXTS:
            small[file.low].append(file.name)
    return [names for names in small.values() if len(names) >= _SMALL_FILES]


def _chunks(storage: Storage, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """All events, as many at a time as memory is allowed for."""
    held: list[pa.Table] = []
    size = 0
    for start in range(0, len(names), _NAMES_AT_ONCE):
        for data in storage.read_all(list(names[start : start + _NAMES_AT_ONCE])).values():
            held.append(tabled(data))
            size += held[-1].nbytes
            if size >= _CHUNK_BYTES:
                yield _emptied(held)
                size = 0
    if held:
        yield _emptied(held)


def _emptied(held: list[pa.Table]) -> pl.DataFrame:
    """One frame of what is held, which is not held any longer."""
    events = together(held)
    held.clear()
    return events


def _by_range(events: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Events by the bucket range of the row that asked."""
    low = events.select((bucket_of_row() // RANGE * RANGE).clip(0, BUCKETS - RANGE)).to_series()
    for value in low.unique().sort():
        yield int(value), events.filter(low == value)


def bucket_of_row() -> pl.Expr:
    """The bucket of the row that asked; 0 if its id is no number."""
    return pl.col("problem_id").str.head(3).str.to_integer(base=16, strict=False).fill_null(0)


def _generation(name: str) -> int:
    return int(name.removeprefix(f"{COMPACTED}/").split("/", 1)[0])
