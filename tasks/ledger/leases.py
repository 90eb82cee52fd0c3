"""Leases: while a shard is worked on, its buckets have one writer, and a second one waits.

A lease expires by what is seen, not by what clocks say: whoever waits watches, on its own monotonic clock, whether
the holder makes signs of life (`tasks.ledger.board`), so clocks may differ and jump. A holder that finds itself
late, or taken over, sends nothing more. Its token, the lease's number, stands beside all that it logs; a lower one
loses against a higher one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from uuid import uuid4

from tasks.errors import LeaseLost, StorageError
from tasks.ledger import board as boards
from tasks.ledger.board import Claim, Entry
from tasks.ledger.holders import this_process
from tasks.ledger.machine import turn
from tasks.ledger.rivals import Rivals
from tasks.rows.storage import Storage

SECONDS = 60.0
"""Without a sign of life for so long, a lease may be taken over."""
_LOOKS_PER_LEASE, _SIGNS_PER_LEASE = 40, 4
_WIDEST_SPREAD = 8.0
"""In times that a try took."""
_TURN_SECONDS = 20.0
"""Longer than many tries; who is stopped in the middle of one holds others up for so long, once."""
_log = logging.getLogger(__name__)


class Lease:
    """A lease that is held. Used from one event loop."""

    def __init__(self, storage: Storage, token: int, entry: Entry, began: float) -> None:
        """`began` is when making it began, in seconds of the monotonic clock."""
        self.token = token
        self._storage, self._entry, self._renewed = storage, entry, began
        self._signs = 0
        self._one_at_a_time = asyncio.Lock()
        self._lost: LeaseLost | None = None
        self._tell: list[Callable[[LeaseLost], None]] = []

    @property
    def is_stale(self) -> bool:
        """Whether somebody else may have taken over, so that nothing may be sent before `renew`."""
        return self._lost is not None or time.monotonic() - self._renewed >= self._entry.seconds

    def when_lost(self, tell: Callable[[LeaseLost], None]) -> None:
        """Have `tell` called as soon as it is known that the lease is lost."""
        self._tell.append(tell)

    async def confirm(self) -> None:
        """Make sure of the lease if it is stale. Raises `LeaseLost`, or `StorageError` if nobody can tell."""
        if self.is_stale:
            async with self._one_at_a_time:
                if self.is_stale:
                    await self._renew()

    async def renew(self) -> None:
        """Make a sign of life, and make sure of the lease. Raises as `confirm` does."""
        async with self._one_at_a_time:
            await self._renew()

    async def keep(self) -> None:
        """Renew the lease until it is lost. A storage that fails for a while is borne: then the lease gets stale."""
        while self._lost is None:
            await asyncio.sleep(self._entry.seconds / _SIGNS_PER_LEASE)
            try:
                await self.renew()
            except LeaseLost:
                return
            except StorageError as fault:
                _log.warning("%s cannot renew its lease: %s", self._entry.claim.work, fault)

    async def give_back(self) -> None:
        """Note that the lease is over. A fault is borne: then it runs out by itself."""
        with suppress(StorageError):
            await asyncio.to_thread(boards.end, self._storage, self.token, "given back")

    async def _renew(self) -> None:
        if self._lost is not None:
            raise self._lost
        began = time.monotonic()
        self._signs += 1
        await asyncio.to_thread(boards.beat, self._storage, self.token, self._signs)
        over = await asyncio.to_thread(boards.ending, self._storage, self.token)
        if over is None:
            self._renewed = began
            return
        self._lost = LeaseLost(
            f"{self._entry.claim.work}: lease {self.token} was lost: {over}. Nothing more is sent, what was paid is "
            "kept, and the new holder's work is found."
        )
        for tell in self._tell:
            tell(self._lost)
        raise self._lost


@asynccontextmanager
async def held(storage: Storage, claim: Claim, seconds: float = SECONDS) -> AsyncIterator[Lease]:
    """A lease on a claim's buckets, as soon as it can be had; it is kept for as long as the context is open.

    Raises `StorageError` if the leases cannot be read or written.
    """
    lease = await _acquire(storage, claim, seconds)
    keeping = asyncio.create_task(lease.keep())
    try:
        yield lease
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await lease.give_back()


async def _acquire(storage: Storage, claim: Claim, seconds: float) -> Lease:
    mine = Entry(claim=claim, holder=this_process(claim.run), seconds=seconds, nonce=uuid4().hex)
    rivals, pause, spread, waits = Rivals(storage, claim, mine.holder), 0.02, 2.0, False
    while True:
        # all want the next number: those of one machine go in turn, but who waits for a holder keeps nobody up
        async with nullcontext() if waits else turn(f"leases of {storage.root}", _TURN_SECONDS):
            began = time.monotonic()
            board = await asyncio.to_thread(boards.look, storage)
            waits = await rivals.stand_in_the_way(board, began)
            made = not waits and await asyncio.to_thread(boards.take, storage, board.next, mine)
        if made:
            with suppress(StorageError):  # whoever comes next tidies as well
                await asyncio.to_thread(boards.tidy, storage, board)
            return Lease(storage, board.next, mine, began)
        if waits:
            await asyncio.sleep(pause)
            pause = min(2 * pause, seconds / _LOOKS_PER_LEASE)
        else:  # another machine was faster: each takes another moment, or all would come again together
            await asyncio.sleep(random.uniform(0, spread) * (time.monotonic() - began))
            spread = min(2 * spread, _WIDEST_SPREAD)
