"""Which rows older intakes saw, and which of these intakes stand.

An *intake* is the set of rows first seen in one collect. While a source only grows, older intakes stand as
they are and their shards stay finished; if a row has vanished or changed, collecting starts anew (which costs
computing, but no reply: replies are found by key).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.collect.source import RawRow

AT_ONCE = 2000


class Seen:
    """The rows of an intake and which of them are still there: 33 bytes a row."""

    def __init__(self, digest: str, upstream: str, row_ids: pl.Series) -> None:
        """`row_ids`: different ones, 64 hex digits each."""
        self.digest, self.upstream = digest, upstream
        self._ids = np.sort(_as_bytes(row_ids))
        self._present = np.zeros(len(self._ids), dtype=np.bool_)

    @property
    def rows(self) -> int:
        return len(self._ids)

    @property
    def stands(self) -> bool:
        """Whether every row of the intake has been looked for."""
        return bool(self._present.all())

    def has(self, row_ids: Sequence[str]) -> NDArray[np.bool_]:
        """Which of these rows it saw. They are noted as still there."""
        if not self.rows:
            return np.zeros(len(row_ids), dtype=np.bool_)
        wanted = _as_bytes(pl.Series(row_ids, dtype=pl.String))
        places = np.minimum(np.searchsorted(self._ids, wanted), self.rows - 1)
        found: NDArray[np.bool_] = self._ids[places] == wanted
        self._present[places[found]] = True
        return found

    def of(self, rows: Iterable[RawRow]) -> Iterator[RawRow]:
        """The rows that it saw, in their order."""
        for few in batches(rows):
            yield from (row for row, own in zip(few, self.has([row.row_id for row in few]), strict=True) if own)


def unseen(rows: Iterable[RawRow], seen: Sequence[Seen]) -> Iterator[RawRow]:
    """The rows that none of the intakes saw, in their order; to be drawn to the end before an intake is asked."""
    for few in batches(rows):
        known = np.zeros(len(few), dtype=np.bool_)
        for one in seen:
            known |= one.has([row.row_id for row in few])
        yield from (row for row, old in zip(few, known, strict=True) if not old)


def standing(intakes: Iterable[Seen], genesis: str) -> list[str]:
    """Digests of the older intakes that stand, oldest first: each holds only rows that are still present.

    From `genesis` on, the child with the most rows is followed (ties by digest).
    """
    children: dict[str, list[Seen]] = {}
    for intake in intakes:
        if intake.stands:
            children.setdefault(intake.upstream, []).append(intake)
    path, here = [], genesis
    while here in children:
        best = max(children[here], key=lambda intake: (intake.rows, intake.digest))
        path.append(best.digest)
        here = best.digest
    return path


def batches(rows: Iterable[RawRow]) -> Iterator[list[RawRow]]:
    """Rows, `AT_ONCE` at a time."""
    few: list[RawRow] = []
    for row in rows:
        few.append(row)
        if len(few) == AT_ONCE:
            yield few
            few = []
    if few:
        yield few


def _as_bytes(row_ids: pl.Series) -> NDArray[np.bytes_]:
    return np.frombuffer(bytes.fromhex("".join(row_ids)), dtype="S32")
