"""The attempt log: many coroutines append, a few create-only segments are written.

Group commit: whatever was appended while the segments before it were being written, or within the time bound,
shares the next segment. `append` returns when the event is durable, so durability costs one write per group
and not one per reply. Two segments are written at the same time: who comes during a write has not to wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from uuid import uuid4

from tasks.errors import StorageError
from tasks.ledger.events import Event, segment
from tasks.rows.storage import Storage

LOG = "ledger/log"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBounds:
    """When a group is written: so long after its first event, or at so many events or bytes, and once fewer than so
    many others are being written."""

    seconds: float = 0.002
    events: int = 512
    bytes: int = 16 * 2**20
    at_once: int = 2


class AttemptLog:
    """Appends events durably; one writer, used from one event loop, as an async context manager."""

    def __init__(
        self,
        storage: Storage,
        place: str,
        bounds: GroupBounds,
        committed: Callable[[str, list[Event]], None],
        lease: int = 0,
    ) -> None:
        """`place` names the bucket range, `lease` the token of the lease on it.

        `committed` is told each segment's name and events.
        """
        self._storage = storage
        self._prefix = f"{LOG}/{place}/{lease:010d}-{uuid4().hex[:12]}"
        self._bounds = bounds
        self._committed = committed
        self._pending: list[tuple[Event, asyncio.Future[None]]] = []
        self._bytes = 0
        self._more = asyncio.Event()
        self._full = asyncio.Event()
        self._free = asyncio.Semaphore(bounds.at_once)
        self._segments = 0
        self._closing = False
        self._failed: StorageError | None = None

    async def __aenter__(self) -> AttemptLog:
        self._writer = asyncio.create_task(self._write_groups())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._more.set()
        self._full.set()
        await self._writer

    async def append(self, event: Event) -> None:
        """Return when the event is durable. Raises `StorageError` if it could not be written."""
        if self._failed:
            raise self._failed
        if self._writer.done():
            raise StorageError(f"the log {self._prefix} is closed; nothing more can be appended")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((event, done))
        self._bytes += len(event.body or "") + len(event.request or "")
        self._more.set()
        if len(self._pending) >= self._bounds.events or self._bytes >= self._bounds.bytes:
            self._full.set()
        await done

    async def _write_groups(self) -> None:
        async with asyncio.TaskGroup() as writes:
            while self._pending or not self._closing:
                await self._more.wait()
                if not self._pending:
                    break
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), self._bounds.seconds)
                await self._free.acquire()
                writes.create_task(self._write(self._take())).add_done_callback(lambda _: self._free.release())

    def _take(self) -> list[tuple[Event, asyncio.Future[None]]]:
        group, self._pending, self._bytes = self._pending, [], 0
        if not self._closing:
            self._more.clear()
            self._full.clear()
        return group

    async def _write(self, group: list[tuple[Event, asyncio.Future[None]]]) -> None:
        events = [event for event, _ in group]
        name = f"{self._prefix}-{self._segments:08d}.parquet"
        self._segments += 1
        try:  # put, because a remote client that lost the answer sends again and meets its own segment
            await asyncio.to_thread(lambda: self._storage.put(name, segment(events)))
            self._committed(name, events)
        except Exception as fault:
            self._failed = fault if isinstance(fault, StorageError) else StorageError(f"cannot write {name}: {fault}")
            for _, done in group:
                if not done.done():
                    done.set_exception(self._failed)
            return
        for _, done in group:
            if not done.done():
                done.set_result(None)
