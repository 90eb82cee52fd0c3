"""The budget of GPU-hours: checked before requests go out, for cards are paid while they are held, asked or not."""

from __future__ import annotations

import asyncio
import time

from tasks.errors import BudgetReached
from tasks.ledger.gpu import allocated_ms
from tasks.rows.storage import Storage

CARDS = "the run's GPU-hours"
"""How the words of an error begin that is about GPU-hours and not about money."""
HOUR_MS = 3_600_000
_LOOK_SECONDS = 5.0


class CardTime:
    """What the engines of a run may still take. For one event loop."""

    def __init__(self, storage: Storage, run: str, limit_ms: int) -> None:
        self._storage, self._run, self._limit_ms = storage, run, limit_ms
        self._look_at, self._used_ms = 0.0, 0

    async def check(self) -> None:
        """Raises `BudgetReached` if all of it is used, as of a few seconds ago."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_SECONDS
            now = time.time_ns() // 1_000_000
            self._used_ms = await asyncio.to_thread(allocated_ms, self._storage, self._run, now)
        if self._used_ms >= self._limit_ms:
            raise BudgetReached(
                f"{CARDS} are used up: {self._used_ms / HOUR_MS:.3f} of {self._limit_ms / HOUR_MS:.3f} are taken, "
                "and what its engines hold until they are stopped comes on top"
            )
