"""A value that many processes change, one after another, on storage that only creates.

Each change is a new object `<folder>/<number>.json` with the whole value; whoever creates the next number wins,
everybody else looks again. So it works on a local disk and on S3 alike, needs no process that could die, and what
was is kept.
"""

from __future__ import annotations

from collections.abc import Callable

from tasks.errors import Absent, AlreadyExists
from tasks.rows.storage import Storage


class Register:
    """One such value. Not thread-safe; each user has one of its own."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage, self._folder = storage, folder
        self._number, self._value = -1, b""

    def read(self) -> tuple[int, bytes]:
        """The number of the newest change, from 0, and the value it gave; (-1, b"") if there is none yet."""
        if self._number < 0:
            names = self._storage.list(self._folder)
            self._number = self._number_of(names[-1]) if names else -1
            self._value = self._storage.read(names[-1]) if names else b""
        while True:
            try:
                self._value = self._storage.read(self._name(self._number + 1))
            except Absent:
                return self._number, self._value
            self._number += 1

    def change(self, changed: Callable[[bytes], bytes | None]) -> bytes:
        """Change the newest value; `changed` may be called again with a newer one, and gives None for no change.

        A remote store that loses an answer may make a change twice, so `changed` must give the same when it meets
        its own work.
        """
        while True:
            number, value = self.read()
            new = changed(value)
            if new is None or new == value:
                return value
            try:
                self._storage.create(self._name(number + 1), new)
            except AlreadyExists:
                continue
            self._number, self._value = number + 1, new
            return new

    def _name(self, number: int) -> str:
        return f"{self._folder}/{number:010d}.json"

    def _number_of(self, name: str) -> int:
        return int(name.rsplit("/", 1)[-1].removesuffix(".json"))
