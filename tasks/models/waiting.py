"""A queue for places of which there are only so many, first come first. For one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice


class Queue:
    """Whoever waits for a place. `take` takes one if there is one and tells whether there was; `free` gives it back.

    `came` is called when somebody has to wait.
    """

    def __init__(
        self, take: Callable[[], bool], free: Callable[[], None], came: Callable[[], object] = lambda: None
    ) -> None:
        self._take, self._free, self._came = take, free, came
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    async def place(self, cost: int = 0) -> None:
        """Return with a place. Raises what the queue was closed with."""
        if not self._waiting and self._take():
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((cost, waiter))
        self._came()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._free()
            raise

    def costs(self, first: int, most: int) -> tuple[int, ...]:
        """What those cost that wait behind the `first` ones, of `most` of them."""
        return tuple(cost for cost, _ in islice(self._waiting, first, first + most))

    def move(self) -> None:
        """Give places to as many as there are; who has given up meanwhile gets none."""
        while self._waiting and (self._waiting[0][1].done() or self._take()):
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def close(self, why: BaseException) -> None:
        """Send everybody away with `why`."""
        while self._waiting:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(why)
