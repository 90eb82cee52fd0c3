"""Where replies lie, by a 64-bit digest of their request key: 16 bytes a reply, in a file of this process.

The sorted arrays lie in an unlinked temporary file and are mapped, so the kernel may take their pages back:
what a process must hold does not grow with the store. Digests may collide; whoever reads a place compares the
whole key.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from itertools import chain

import numpy as np
import numpy.typing as npt
import polars as pl

Numbers = npt.NDArray[np.uint64]
_RECENT = 32_768
_ROW_BITS = np.uint64(32)


def digests(keys: pl.Series) -> Numbers:
    """The digests that this process indexes keys by."""
    return keys.hash(seed=0).to_numpy()


class KeyIndex:
    """Places (file number, row) by digest. Recent ones are in a dictionary until there are many. Not thread-safe."""

    def __init__(self) -> None:
        self._digests = self._places = np.empty(0, np.uint64)
        self._recent: dict[int, list[int]] = {}
        self._recent_places = 0

    def add(self, found: Numbers, file: int, rows: Numbers) -> None:
        """Note that rows `rows` of a file answer keys of the digests `found`."""
        places = (np.uint64(file) << _ROW_BITS) | rows.astype(np.uint64)
        if len(found) >= _RECENT:
            self._merge(found, places)
            return
        for digest, place in zip(found.tolist(), places.tolist(), strict=True):
            self._recent.setdefault(digest, []).append(place)
        self._recent_places += len(found)
        if self._recent_places >= _RECENT:
            self._merge(*self._take_recent())

    def find(self, wanted: Numbers) -> list[list[tuple[int, int]]]:
        """For each digest, every (file, row) noted for it."""
        low = np.searchsorted(self._digests, wanted, "left").tolist()
        high = np.searchsorted(self._digests, wanted, "right").tolist()
        return [
            [
                (place >> 32, place & 0xFFFFFFFF)
                for place in (*self._places[start:end].tolist(), *self._recent.get(digest, ()))
            ]
            for digest, start, end in zip(wanted.tolist(), low, high, strict=True)
        ]

    def drop(self, files: Iterable[int]) -> None:
        """Forget the places in these files."""
        self._merge(*self._take_recent())
        kept = ~np.isin(self._places >> _ROW_BITS, np.fromiter(files, np.uint64))
        self._digests, self._places = _mapped(self._digests[kept]), _mapped(self._places[kept])

    def __len__(self) -> int:
        """Digests that have a place."""
        return len(np.union1d(self._digests, np.fromiter(self._recent, np.uint64)))

    def _take_recent(self) -> tuple[Numbers, Numbers]:
        recent, count = self._recent, self._recent_places
        self._recent, self._recent_places = {}, 0
        found = chain.from_iterable([digest] * len(places) for digest, places in recent.items())
        return np.fromiter(found, np.uint64, count), np.fromiter(
            chain.from_iterable(recent.values()), np.uint64, count
        )

    def _merge(self, found: Numbers, places: Numbers) -> None:
        order = np.argsort(found)
        found, places = found[order], places[order]
        at = np.searchsorted(self._digests, found)
        self._digests = _mapped(np.insert(self._digests, at, found))
        self._places = _mapped(np.insert(self._places, at, places))


def _mapped(numbers: Numbers) -> Numbers:
    """The same numbers, in a file that vanishes with the process."""
    if not len(numbers):
        return numbers
    with tempfile.TemporaryFile() as file:
        numbers.tofile(file)
        file.flush()
        return np.memmap(file, np.uint64, mode="r", shape=numbers.shape)
