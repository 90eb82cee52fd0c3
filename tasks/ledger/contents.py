"""What the ledger consists of at this moment: the files of the newest compaction, and the segments since.

A compaction is a *generation*: a create-only manifest `ledger/compacted/<number>.json` that lists every
compacted file there is, and the segments that this generation took the place of. Segments that are named are
not read, whether they are deleted already or not; all others are.

The log is listed first and the manifest looked up after, so that a segment which is missing from the listing
because compaction deleted it is always in the files of the manifest that is found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import Absent
from tasks.ledger.log import LOG
from tasks.rows.storage import Storage

COMPACTED = "ledger/compacted"
Read = TypeVar("Read")


class CompactedFile(BaseModel):
    """Events of a range of buckets, sorted by the row that asked, then by request key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name under the storage root")
    low: int = Field(description="First bucket of the rows that asked")
    rows: int
    bytes: int
    texts: int = Field(default=0, description="Bytes of its requests and bodies, uncompressed; 0: not counted")


class Generation(BaseModel):
    """One compaction. Its manifest is never deleted: the name is what stops a compactor that comes too late."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = 0
    files: tuple[CompactedFile, ...] = ()
    replaced: tuple[str, ...] = Field(default=(), description="Segments whose events are in the files from now on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything that was ever logged: each event lies in exactly one of these."""

    generation: Generation
    segments: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Compacted files, then segments."""
        return [*(file.name for file in self.generation.files), *self.segments]


def contents(storage: Storage) -> Contents:
    """What there is to read now."""
    segments = storage.list(LOG)
    generation = newest(storage)
    replaced = set(generation.replaced)
    return Contents(generation=generation, segments=tuple(name for name in segments if name not in replaced))


def newest(storage: Storage) -> Generation:
    """The newest generation; number 0 if there was no compaction yet."""
    manifests = [name for name in storage.list(COMPACTED) if name.endswith(".json")]
    return Generation.model_validate_json(storage.read(manifests[-1])) if manifests else Generation()


def manifest_name(number: int) -> str:
    """Where a generation's manifest lies; names sort by number."""
    return f"{COMPACTED}/{number:08d}.json"


def following(storage: Storage, read: Callable[[Contents], Read]) -> Read:
    """`read` what the ledger holds; again from the start where compaction took something away meanwhile.

    Raises `Absent` if something is gone that no newer generation replaces.
    """
    found = contents(storage)
    while True:
        try:
            return read(found)
        except Absent:
            again = contents(storage)
            if set(again.names) >= set(found.names):  # nothing was replaced: it is lost, not moved
                raise
            found = again
