"""The response store: a view of the log that answers "is there a reply to this key?".

Segments never change, so each is read once per process. The index holds keys and places, not bodies; a hit
reads its segment, and the last few segments stay decoded because neighbours are asked for together.

Where several outcomes answer one key (two writers raced, or a late one came back) the earliest is the reply,
and all of them are spend.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import polars as pl

from tasks.ledger.events import Event
from tasks.ledger.log import LOG
from tasks.rows.storage import Storage
from tasks.rows.tables import decode

_DECODED_SEGMENTS = 64
_INDEX_COLUMNS = ["kind", "status", "key", "at_ms", "attempt"]


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A paid reply as it was received."""

    key: str
    body: str
    served_model: str
    microusd: int


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """Where a reply lies; the order decides which of several replies to one key counts."""

    at_ms: int
    attempt: str
    segment: str
    row: int


class ReplyStore:
    """Replies by request key, over everything that was ever logged under a root. Safe to use from threads."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._places: dict[str, _Place] = {}
        self._seen: set[str] = set()
        self._decoded: OrderedDict[str, pl.DataFrame] = OrderedDict()
        self._lock = Lock()

    def refresh(self) -> None:
        """Take in the segments written since the last refresh."""
        names = [name for name in self._storage.list(LOG) if name not in self._seen]
        with self._lock:
            for start in range(0, len(names), 256):
                for name, data in self._storage.read_all(names[start : start + 256]).items():
                    self._index(name, decode(data, _INDEX_COLUMNS))

    def get(self, key: str) -> StoredReply | None:
        """The reply to a request key, or None."""
        with self._lock:
            place = self._places.get(key)
            if place is None:
                return None
            row = self._segment(place.segment).row(place.row, named=True)
        return StoredReply(
            key=key, body=row["body"], served_model=row["served_model"] or "", microusd=row["microusd"] or 0
        )

    def add(self, segment: str, events: list[Event]) -> None:
        """Take in a segment that this process has just written."""
        with self._lock:
            self._seen.add(segment)
            for row, event in enumerate(events):
                if event.kind == "outcome" and event.status == "reply":
                    self._keep(event.key, _Place(event.at_ms, event.attempt, segment, row))

    def __len__(self) -> int:
        return len(self._places)

    def _index(self, name: str, segment: pl.DataFrame) -> None:
        self._seen.add(name)
        replies = segment.with_row_index("row").filter((pl.col("kind") == "outcome") & (pl.col("status") == "reply"))
        for row, key, at_ms, attempt in replies.select("row", "key", "at_ms", "attempt").iter_rows():
            self._keep(key, _Place(at_ms, attempt, name, row))

    def _keep(self, key: str, place: _Place) -> None:
        first = self._places.get(key)
        if first is None or place < first:
            self._places[key] = place

    def _segment(self, name: str) -> pl.DataFrame:
        frame = self._decoded.pop(name, None)
        if frame is None:
            frame = decode(self._storage.read(name), ["body", "served_model", "microusd"])
        self._decoded[name] = frame
        while len(self._decoded) > _DECODED_SEGMENTS:
            self._decoded.popitem(last=False)
        return frame
