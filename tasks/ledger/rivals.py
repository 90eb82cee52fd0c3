"""Waiting for a lease: whose leases stand in the way, and which of those may be taken over."""

from __future__ import annotations

import asyncio
import logging
import time

from tasks.errors import Absent
from tasks.ledger import board as boards
from tasks.ledger.board import Board, Claim, Entry
from tasks.ledger.holders import Holder, is_dead
from tasks.rows.storage import Storage

_log = logging.getLogger(__name__)


class Rivals:
    """Whose leases stand in the way of a claim, and since when each of them has made no sign of life."""

    def __init__(self, storage: Storage, claim: Claim, holder: Holder) -> None:
        self._storage, self._claim, self._holder = storage, claim, holder
        self._entries: dict[int, Entry] = {}
        self._signs: dict[int, tuple[int, float]] = {}

    async def stand_in_the_way(self, board: Board, began: float) -> bool:
        """Whether there are any; those that are dead are ended. `began` is when looking at the board began."""
        try:
            await self._read(board)
        except Absent:  # tidied away since: the board is old
            return True
        rivals = [number for number in board.live if self._entries[number].claim.excludes(self._claim)]
        for number in rivals:
            why = self._why_dead(number, board, began)
            if why:
                _log.warning("%s takes over lease %s: %s", self._claim.work, number, why)
                word = f"{why}, and {self._holder} took over"
                await asyncio.to_thread(boards.end, self._storage, number, word)
        return bool(rivals)

    async def _read(self, board: Board) -> None:
        unknown = [number for number in board.live if number not in self._entries]
        self._entries |= await asyncio.to_thread(boards.entries, self._storage, unknown)

    def _why_dead(self, number: int, board: Board, began: float) -> str | None:
        entry, sign = self._entries[number], board.beats.get(number, 0)
        if is_dead(entry.holder):
            return f"its holder ({entry.holder}) ended without giving it back"
        known, since = self._signs.get(number, (None, 0.0))
        if known != sign:
            if known is None:
                _log.info("%s waits for %s, which %s works on", self._claim.work, entry.claim.work, entry.holder)
            self._signs[number] = (sign, time.monotonic())
        elif began - since >= entry.seconds:
            return f"its holder ({entry.holder}) made no sign of life for {entry.seconds:g} seconds"
        return None
