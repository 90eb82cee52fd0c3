"""The response store: a view of the ledger that answers "are there replies to these keys?".

Files never change, so each is indexed once per process, by places and not bodies (`tasks.ledger.index`).
Whichever row asked first, a reply is found by its key alone. Look-ups go in batches, because neighbours lie in
the same row groups. A file that compaction took away is looked for again in the newest generation.

Where several outcomes answer one key, all of them are spend, and the reply is that of the highest lease, of one lease
the earliest: what comes late from a writer whose lease was taken over changes no reply, and is one only where the key
has no other.

A request that an endpoint will not answer has no reply, and an outcome all the same: `set_aside` tells of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import Absent
from tasks.ledger.bodies import Bodies
from tasks.ledger.contents import Contents, following
from tasks.ledger.events import Event, framed, stored
from tasks.ledger.index import END, KeyIndex, Numbers, digests
from tasks.rows.storage import Storage

_INDEX_COLUMNS = ["kind", "status", "key", "error", "lease"]
_SEGMENTS_AT_ONCE = 32
_ROWS_AT_ONCE = 65_536
_TRIES = 5


Order = tuple[int, int, str, str, int]


class StoredReply(NamedTuple):
    """A paid reply as it was received."""

    key: str
    body: str
    microusd: int


@dataclass(frozen=True, slots=True)
class Found:
    """What one file holds: digests and row numbers of its replies, the leases they came under, and (key, lease, error
    class) of its outcomes that are final without a reply."""

    digests: Numbers
    rows: Numbers
    leases: frozenset[int]
    final: frozenset[tuple[str, int, str]]


class ReplyStore:
    """Replies by request key, over everything that was ever logged under a root. Safe to use from threads."""

    def __init__(self, storage: Storage, final: Collection[str] = ()) -> None:
        """`final` are the error classes after which a request is not asked again."""
        self._storage, self._final_errors = storage, list(final)
        self._final: defaultdict[str, set[tuple[int, str]]] = defaultdict(set)
        self._replying: set[int] = set()
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
        ended = [(row, event) for row, event in enumerate(events) if event.kind == "outcome"]
        replies = [(row, event) for row, event in ended if event.status == "reply"]
        found = Found(
            digests([event.key for _, event in replies]),
            np.array([row for row, _ in replies], np.uint64),
            frozenset(event.lease for _, event in replies),
            frozenset(
                (event.key, event.lease, event.error) for _, event in ended if event.error in self._final_errors
            ),
        )
        self._note(segment, found)

    def knows(self, keys: Sequence[str]) -> list[bool]:
        """Whether each key may have a reply; where not, it has none. Reads nothing from the storage."""
        with self._indexing:
            return self._index.knows(digests(keys))

    def set_aside(self, key: str, *, proven: bool) -> str | None:
        """The error class by which a request ended for good without a reply, if it did.

        `proven`: only if under the same lease others were answered, so that it was not the endpoint's fault.
        """
        with self._indexing:
            ends = self._final.get(key, set())
            return min((error for lease, error in ends if not proven or lease in self._replying), default=None)

    def __contains__(self, key: str) -> bool:
        return self.knows([key])[0]

    def __len__(self) -> int:
        """Keys that have a reply."""
        with self._indexing:
            return len(self._index)

    def _look_up(self, keys: Sequence[str]) -> dict[str, StoredReply]:
        with self._indexing:
            wanted = {self._names[file]: rows for file, rows in self._index.find(digests(keys)).items()}
        asked = set(keys)
        best: dict[str, tuple[Order, StoredReply]] = {}
        with self._reading:
            for name, number, (key, lease, at_ms, attempt, body, microusd) in self._bodies.rows(wanted):
                if key in asked:
                    order = (-lease, at_ms, attempt, name, number)
                    if key not in best or order < best[key][0]:
                        best[key] = order, StoredReply(key, body, microusd or 0)
        return {key: reply for key, (_, reply) in best.items()}

    def _follow(self, found: Contents, before: set[str]) -> None:
        files = [file.name for file in found.generation.files if file.name not in self._numbers]
        for name in files:
            self._index_compacted(name)
        segments = [name for name in found.segments if name not in self._numbers]
        for start in range(0, len(segments), _SEGMENTS_AT_ONCE):
            for name, data in self._storage.read_all(segments[start : start + _SEGMENTS_AT_ONCE]).items():
                self._note(name, self._found(stored(data, _INDEX_COLUMNS)))
        self._forget(before - set(found.names))

    def _index_compacted(self, name: str) -> None:
        with self._storage.opened(name) as file:
            parts: list[Found] = []
            start = 0
            for batch in pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE, columns=_INDEX_COLUMNS):
                events = framed(pa.Table.from_batches([batch]), _INDEX_COLUMNS)
                parts.append(self._found(events, start))
                start += batch.num_rows
        found = Found(
            np.concatenate([one.digests for one in parts]),
            np.concatenate([one.rows for one in parts]),
            frozenset[int]().union(*(one.leases for one in parts)),
            frozenset[tuple[str, int, str]]().union(*(one.final for one in parts)),
        )
        self._note(name, found)

    def _found(self, events: pl.DataFrame, start: int = 0) -> Found:
        """What a file holds whose events from row `start` these are."""
        ended = events.with_row_index("row", start).filter(pl.col("kind") == "outcome")
        replies = ended.filter(pl.col("status") == "reply")
        final = ended.filter(pl.col("error").is_in(self._final_errors))
        return Found(
            digests(replies["key"].str.tail(END).to_list()),
            replies["row"].to_numpy().astype(np.uint64),
            frozenset(replies["lease"].unique()),
            frozenset(final.select("key", "lease", "error").iter_rows()),
        )

    def _note(self, name: str, found: Found) -> None:
        """Index a file, once, at one stroke."""
        with self._indexing:
            if name not in self._numbers:
                self._files += 1
                self._numbers[name], self._names[self._files] = self._files, name
                self._index.add(found.digests, self._files, found.rows)
                self._replying |= found.leases
                for key, lease, error in found.final:
                    self._final[key].add((lease, error))

    def _forget(self, names: set[str]) -> None:
        with self._indexing:
            numbers = [self._numbers.pop(name) for name in names if name in self._numbers]
            if numbers:
                self._index.drop(numbers)
                for number in numbers:
                    del self._names[number]
