"""The response store: a view of the ledger that answers "are there replies to these keys?".

Files never change, so each is indexed once per process, by places and not bodies (`tasks.ledger.index`).
Whichever row asked first, a reply is found by its key alone. Look-ups go in batches, because neighbours lie in
the same row groups. A file that compaction took away is looked for again in the newest generation.

Where several outcomes answer one key, all of them are spend, and the reply is that of the highest lease, of one lease
the earliest: what comes late from a writer whose lease was taken over changes no reply, and is one only where the key
has no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import Absent
from tasks.ledger.bodies import Bodies
from tasks.ledger.contents import Contents, following
from tasks.ledger.events import Event
from tasks.ledger.index import KeyIndex, Numbers, digests
from tasks.rows.storage import Storage
from tasks.rows.tables import decode

_INDEX_COLUMNS = ["kind", "status", "key"]
_SEGMENTS_AT_ONCE = 256
_ROWS_AT_ONCE = 65_536
_TRIES = 5


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A paid reply as it was received."""

    key: str
    body: str
    served_model: str
    microusd: int


class ReplyStore:
    """Replies by request key, over everything that was ever logged under a root. Safe to use from threads."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._index = KeyIndex()
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._files = 0
        self._bodies = Bodies(storage)
        self._indexing, self._reading, self._refreshing = Lock(), Lock(), Lock()

    def refresh(self) -> None:
        """Take in what was written since the last refresh, and let go of what compaction replaced."""
        with self._refreshing:
            with self._indexing:
                before = set(self._numbers)  # taken first: what `add` brings meanwhile is newer than the listing
            following(self._storage, lambda found: self._follow(found, before))

    def get(self, key: str) -> StoredReply | None:
        """The reply to a request key, or None."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, StoredReply]:
        """The replies to those of the keys that have one."""
        for _ in range(_TRIES):
            try:
                return self._look_up(keys)
            except Absent:
                self.refresh()
        return self._look_up(keys)

    def add(self, segment: str, events: list[Event]) -> None:
        """Take in a segment that this process has just written."""
        replies = [
            (event.key, row)
            for row, event in enumerate(events)
            if event.kind == "outcome" and event.status == "reply"
        ]
        keys = pl.Series([key for key, _ in replies], dtype=pl.String)
        self._note(segment, digests(keys), np.array([row for _, row in replies], np.uint64))

    def __contains__(self, key: str) -> bool:
        with self._indexing:
            return any(self._index.find(digests(pl.Series([key], dtype=pl.String))))

    def __len__(self) -> int:
        """Keys that have a reply."""
        with self._indexing:
            return len(self._index)

    def _look_up(self, keys: Sequence[str]) -> dict[str, StoredReply]:
        wanted: defaultdict[str, list[int]] = defaultdict(list)
        with self._indexing:
            for places in self._index.find(digests(pl.Series(keys, dtype=pl.String))):
                for file, row in places:
                    wanted[self._names[file]].append(row)
        asked = set(keys)
        best: dict[str, tuple[int, int, str, str, int, StoredReply]] = {}
        with self._reading:
            for name, number, (key, lease, at_ms, attempt, body, model, microusd) in self._bodies.rows(wanted):
                if key in asked:
                    reply = StoredReply(key=key, body=body, served_model=model or "", microusd=microusd or 0)
                    first, found = best.get(key), (-lease, at_ms, attempt, name, number, reply)
                    if first is None or found[:5] < first[:5]:
                        best[key] = found
        return {key: reply for key, (*_, reply) in best.items()}

    def _follow(self, found: Contents, before: set[str]) -> None:
        files = [file.name for file in found.generation.files if file.name not in self._numbers]
        for name in files:
            self._index_compacted(name)
        segments = [name for name in found.segments if name not in self._numbers]
        for start in range(0, len(segments), _SEGMENTS_AT_ONCE):
            for name, data in self._storage.read_all(segments[start : start + _SEGMENTS_AT_ONCE]).items():
                self._note(name, *_replies(decode(data, _INDEX_COLUMNS)))
        self._forget(before - set(found.names))

    def _index_compacted(self, name: str) -> None:
        with self._storage.opened(name) as file:
            parts: list[tuple[Numbers, Numbers]] = []
            start = 0
            for batch in pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE, columns=_INDEX_COLUMNS):
                found, rows = _replies(pl.DataFrame(pa.table(batch)))
                parts.append((found, rows + np.uint64(start)))
                start += batch.num_rows
        self._note(name, np.concatenate([one for one, _ in parts]), np.concatenate([one for _, one in parts]))

    def _note(self, name: str, found: Numbers, rows: Numbers) -> None:
        """Index a file, once, at one stroke."""
        with self._indexing:
            if name not in self._numbers:
                self._files += 1
                self._numbers[name], self._names[self._files] = self._files, name
                self._index.add(found, self._files, rows)

    def _forget(self, names: set[str]) -> None:
        with self._indexing:
            numbers = [self._numbers.pop(name) for name in names if name in self._numbers]
            if numbers:
                self._index.drop(numbers)
                for number in numbers:
                    del self._names[number]


def _replies(events: pl.DataFrame) -> tuple[Numbers, Numbers]:
    """Digests and row numbers of the replies among events."""
    found = events.with_row_index("row").filter((pl.col("kind") == "outcome") & (pl.col("status") == "reply"))
    return digests(found["key"]), found["row"].to_numpy().astype(np.uint64)
