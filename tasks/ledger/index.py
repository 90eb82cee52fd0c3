"""Where replies lie, by a 64-bit digest of their request key: 16 bytes a reply, in a file of this process.

The sorted arrays lie in an unlinked temporary file and are mapped, so the kernel may take their pages back:
what a process must hold does not grow with the store. Digests may collide; whoever reads a place compares the
whole key.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

END = 16
"""So many last characters of a key make its digest."""
Numbers = npt.NDArray[np.uint64]
_RECENT = 32_768
_ROW_BITS = np.uint64(32)
_ROW = np.uint64(2**32 - 1)
_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
"""Odd numbers without pattern: 2**64 divided by the golden ratio, and a prime of xxHash."""


def digests(keys: Sequence[str]) -> Numbers:
    """The digests that keys are indexed by, of the ends of the keys: request keys are evenly spread themselves."""
    ends = np.array([key[-END:] for key in keys], f"S{END}").view(np.uint64).reshape(-1, 2)
    return np.asarray((ends * _ODD).sum(axis=1, dtype=np.uint64))


class KeyIndex:
    """Places (file number, row) by digest. Recent ones are in a dictionary until there are many. Not thread-safe."""

    def __init__(self) -> None:
        self._digests = self._places = np.empty(0, np.uint64)
        self._recent: dict[int, tuple[int, ...]] = {}
        self._recent_places = 0

    def add(self, found: Numbers, file: int, rows: Numbers) -> None:
        """Note that rows `rows` of a file answer keys of the digests `found`."""
        places = (np.uint64(file) << _ROW_BITS) | rows.astype(np.uint64)
        if len(found) >= _RECENT:
            self._merge(found, places)
            return
        for digest, place in zip(found.tolist(), places.tolist(), strict=True):
            self._recent[digest] = (*self._recent.get(digest, ()), place)
        self._recent_places += len(found)
        if self._recent_places >= _RECENT:
            self._merge(*self._take_recent())

    def find(self, wanted: Numbers) -> dict[int, Numbers]:
        """Rows, in order and each once, by number of the file: every place noted for any of the digests."""
        low = np.searchsorted(self._digests, wanted, "left")
        counts = np.searchsorted(self._digests, wanted, "right") - low
        within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
        recent = self._recent
        new = [place for digest in wanted.tolist() if digest in recent for place in recent[digest]]
        places = np.unique(np.concatenate([self._places[np.repeat(low, counts) + within], np.array(new, np.uint64)]))
        files = places >> _ROW_BITS
        starts = np.flatnonzero(np.diff(files, prepend=np.uint64(0)))  # files are numbered from 1
        rows = np.split(places & _ROW, starts[1:])
        return dict(zip(files[starts].tolist(), rows, strict=False))

    def knows(self, wanted: Numbers) -> list[bool]:
        """For each digest, whether a place is noted for it. Quick enough for an event loop."""
        at = np.searchsorted(self._digests, wanted)
        inside = at < len(self._digests)
        inside[inside] = self._digests[at[inside]] == wanted[inside]
        recent = self._recent
        return [known or digest in recent for known, digest in zip(inside.tolist(), wanted.tolist(), strict=True)]

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
