"""Look-ups in the response store, many to one trip: who asks while a trip is under way shares the next.

Only for keys that the store's index knows a trip is made. Trips are short, so that those who have their replies can
work while the next ones are fetched.
"""

from __future__ import annotations

import asyncio
from itertools import compress

from tasks.ledger.store import ReplyStore, StoredReply

_KEYS_AT_ONCE = 1024


class Lookups:
    """Asks the store for the coroutines of one event loop, off the loop's thread."""

    def __init__(self, store: ReplyStore) -> None:
        self._store = store
        self._waiting: list[tuple[str, asyncio.Future[StoredReply | None]]] = []
        self._trips: asyncio.Task[None] | None = None

    async def get(self, key: str) -> StoredReply | None:
        """The reply to a request key, or None. Raises `StorageError`."""
        answer: asyncio.Future[StoredReply | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, answer))
        if self._trips is None or self._trips.done():
            self._trips = asyncio.create_task(self._travel())
        return await answer

    def set_aside(self, key: str, *, proven: bool) -> str | None:
        """As the store says."""
        return self._store.set_aside(key, proven=proven)

    async def _travel(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:_KEYS_AT_ONCE], self._waiting[_KEYS_AT_ONCE:]
            try:
                found = await self._fetch([key for key, _ in some])
            except Exception as fault:
                for _, answer in some:
                    if not answer.done():
                        answer.set_exception(fault)
                continue
            for key, answer in some:
                if not answer.done():
                    answer.set_result(found.get(key))

    async def _fetch(self, keys: list[str]) -> dict[str, StoredReply]:
        known = list(compress(keys, self._store.knows(keys)))
        return await asyncio.to_thread(self._store.get_many, known) if known else {}
