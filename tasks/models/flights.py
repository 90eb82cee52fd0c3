"""Which requests are being bought in this process: shards that ask the same at the same moment pay once.

Threads only. Of two processes that ask the same key at the same moment both may buy it: a key is found as soon as
its reply is durable, and not before.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from threading import Lock


class Flights:
    """Keys under way, of all event loops of a process that share a response store."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._under_way: dict[str, Future[None]] = {}

    @asynccontextmanager
    async def turn(self, key: str, closing: asyncio.Event) -> AsyncIterator[bool]:
        """Wait until nobody else buys `key`, or `closing` is set; gives whether somebody did meanwhile."""
        waited = False
        mine: Future[None] = Future()
        while (other := self._begin(key, mine)) is not None and not closing.is_set():
            waited = True
            await _ended(other, closing)
        try:
            yield waited
        finally:
            self._end(key, mine)

    def _begin(self, key: str, mine: Future[None]) -> Future[None] | None:
        """Take `key`, or give what ends when whoever has it is done."""
        with self._lock:
            other = self._under_way.setdefault(key, mine)
        return None if other is mine else other

    def _end(self, key: str, mine: Future[None]) -> None:
        with self._lock:
            if self._under_way.get(key) is mine:
                del self._under_way[key]
        mine.set_result(None)


async def _ended(other: Future[None], closing: asyncio.Event) -> None:
    """Return when another event loop is done with a key, or this desk closes."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def tell(_: Future[None]) -> None:
        with contextlib.suppress(RuntimeError):  # this loop has ended meanwhile
            loop.call_soon_threadsafe(told.set)

    other.add_done_callback(tell)
    waits = [asyncio.ensure_future(one.wait()) for one in (told, closing)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for one in waits:
        one.cancel()
