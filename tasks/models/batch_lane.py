"""The batch lane: what a shard asks within a short while becomes one batch, at half price and within a day.

The plan of the batch is durable first, then the intents of its requests, and only then is anything sent; outcomes are
durable before an answer is given. After a crash whoever asks for one of the keys follows the batch that is open, by
the provider's id or, where the crash came before that was noted, by its name among the provider's batches. Settling a
batch twice does no harm: an attempt's outcome counts once. What a batch did not serve is asked online by the desk.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import aiohttp

from tasks.errors import BatchGone, BatchRefused, EndpointError
from tasks.ledger import batches
from tasks.ledger.batches import Asked, Batch
from tasks.ledger.events import Asker, Event
from tasks.models import batch_file, prices, wire
from tasks.models.answer import Answer, facts
from tasks.models.batch_api import ENDED, BatchApi
from tasks.models.endpoint import Line
from tasks.models.request import Request
from tasks.models.retry import Patience
from tasks.rows.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request that waits to be put into a batch."""

    request: Request
    asker: Asker
    attempt: str
    answer: asyncio.Future[Answer]


class BatchLane:
    """One role's way to batches, for one desk. Used from one event loop."""

    def __init__(
        self, *, api: BatchApi, storage: Storage, append: Callable[[Event], Awaitable[None]], line: Line, lease: int,
        closing: asyncio.Event, requests: int = batch_file.MOST_REQUESTS, size: int = batch_file.MOST_BYTES,
    ) -> None:  # fmt: skip
        """`append` makes an event durable. Once `closing` is set nothing waits; what is open stays open."""
        self._api, self._storage, self._append = api, storage, append
        self._line = replace(line, price=line.price.in_batch(), price_version=f"{line.price_version}, batch")
        self._lease, self._closing, self._limits = lease, closing, (requests, size)
        self._waiting: dict[str, Wanted] = {}
        self._collecting: asyncio.Task[None] | None = None
        self._rounds: set[asyncio.Task[None]] = set()

    def bound(self, wanted: Request) -> int:
        """The most that a request can cost in a batch, in micro-dollars."""
        return prices.bound(self._line.price, len(wire.body(wanted)), int(wanted.sampling["max_tokens"]))

    async def ask(self, request: Request, asker: Asker, attempt: str) -> Answer:
        """Wait for the batch that a request goes into; class `unserved` says that it was in none to the end."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[request.key] = Wanted(request=request, asker=asker, attempt=attempt, answer=answer)
        if self._collecting is None or self._collecting.done():
            self._collecting = asyncio.create_task(self._collect())
        return await answer

    async def _collect(self) -> None:
        """Take what waits into a round, once nothing has been added for the window."""
        while self._waiting:
            try:
                await self._quiet()
            except EndpointError as fault:
                _fail(self._waiting.values(), fault)
            taken, self._waiting = self._waiting, {}
            going = asyncio.create_task(self._round(taken))
            self._rounds.add(going)
            going.add_done_callback(self._rounds.discard)

    async def _quiet(self) -> None:
        seen = 0
        while seen != len(self._waiting):
            seen = len(self._waiting)
            await self._sleep(self._line.endpoint.batch_window_seconds)

    async def _round(self, taken: Mapping[str, Wanted]) -> None:
        try:
            left = await self._follow_open({key: one for key, one in taken.items() if not one.answer.done()})
            lines = [batch_file.line(one.request.key, wire.body(one.request)) for one in left]
            parts = list(batch_file.parts(lines, *self._limits))
            await asyncio.gather(*(self._carry_out(left[part], b"".join(lines[part])) for part in parts))
        except Exception as fault:
            _fail(taken.values(), fault)

    async def _follow_open(self, taken: Mapping[str, Wanted]) -> list[Wanted]:
        """Follow the open batches that hold wanted keys; gives what is in none."""
        left = dict(taken)
        following = []
        for batch, known in await asyncio.to_thread(batches.open_ones, self._storage, self._line.model.identity):
            mine = {one.key: left[one.key] for one in batch.requests if one.key in left}
            batch_id = (known or await self._there(batch)) if mine else None
            if batch_id is not None:
                left = {key: one for key, one in left.items() if key not in mine}
                following.append(self._follow(batch, batch_id, mine))
            elif mine:  # nobody ever got it: its requests go into a new one
                await self._follow(batch, None, {})
        await asyncio.gather(*following)
        return [one for one in left.values() if not one.answer.done()]

    async def _there(self, batch: Batch) -> str | None:
        """The id of a batch that may or may not have been submitted, noted; None where the provider has none."""
        batch_id = await self._api.find(batch.name)
        if batch_id is not None:
            await asyncio.to_thread(batches.submitted, self._storage, batch.name, batch_id)
        return batch_id

    async def _carry_out(self, some: Sequence[Wanted], data: bytes) -> None:
        """Submit one batch and see it to its end."""
        first = some[0]
        asked = tuple(
            Asked(
                key=one.request.key, attempt=one.attempt, sample=one.request.sample, problem_id=one.asker.problem_id
            )
            for one in some
        )
        batch = Batch(
            name=uuid4().hex,
            endpoint=self._line.endpoint_name,
            model=self._line.model.identity,
            run=first.asker.run,
            stage=first.asker.stage,
            shard=first.asker.shard,
            role=first.asker.role,
            requests=asked,
        )
        await asyncio.to_thread(batches.planned, self._storage, batch)
        await asyncio.gather(*(self._intend(batch, one, want) for one, want in zip(asked, some, strict=True)))
        batch_id: str | None = None
        with contextlib.suppress(BatchRefused):
            batch_id = await self._api.create(batch.name, await self._api.upload(data))
            await asyncio.to_thread(batches.submitted, self._storage, batch.name, batch_id)
        await self._follow(batch, batch_id, {one.request.key: one for one in some})

    async def _follow(self, batch: Batch, batch_id: str | None, wanted: Mapping[str, Wanted]) -> None:
        """Wait for a batch's end, make every outcome durable, then give the answers. No id: nobody ever got it."""
        status, found = await self._result(batch_id) if batch_id is not None else ("never submitted", {})
        unknown = status in ("completed", "lost")
        missing = Answer(http_status=0, body=f"batch {batch_id}: {status}", error="cut" if unknown else "unserved")
        settled = await asyncio.gather(
            *(self._settle(batch, one, found.get(one.key, missing)) for one in batch.requests)
        )
        await asyncio.to_thread(batches.ended, self._storage, batch.name, status)
        for one, answer in zip(batch.requests, settled, strict=True):
            if one.key in wanted and not wanted[one.key].answer.done():
                wanted[one.key].answer.set_result(answer)

    async def _result(self, batch_id: str) -> tuple[str, Mapping[str, Answer]]:
        """How a batch ended, and its answers by key; `lost` where the provider has it, or its files, no longer."""
        try:
            state = await self._api.get(batch_id)
            while state["status"] not in ENDED:
                await self._sleep(self._line.endpoint.batch_poll_seconds)
                state = await self._api.get(batch_id)
            files = [await self._api.content(state.get(f"{kind}_file_id")) for kind in ("output", "error")]
        except BatchGone:
            return "lost", {}
        return str(state["status"]), batch_file.answers(*files)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)
            raise EndpointError(
                "the desk was closed while a batch was under way; the next run goes on with the batch"
            )

    async def _intend(self, batch: Batch, asked: Asked, wanted: Wanted) -> None:
        bound = self.bound(wanted.request)
        event = self._event("intent", batch, asked, request=wanted.request.canonical, bound_microusd=bound)
        await self._append(event)

    async def _settle(self, batch: Batch, asked: Asked, answer: Answer) -> Answer:
        answer, found = facts(answer, self._line, asked.key)
        await self._append(self._event("outcome", batch, asked, **found))
        return answer

    def _event(self, kind: Any, batch: Batch, asked: Asked, **facts: Any) -> Event:
        asker = Asker(
            run=batch.run, stage=batch.stage, shard=batch.shard, problem_id=asked.problem_id, role=batch.role
        )
        return Event(
            kind=kind,
            attempt=asked.attempt,
            key=asked.key,
            at_ms=time.time_ns() // 1_000_000,
            asker=asker,
            model=batch.model,
            endpoint=batch.endpoint,
            sample=asked.sample,
            lease=self._lease,
            **facts,
        )


def _fail(some: Iterable[Wanted], fault: Exception) -> None:
    for one in some:
        if not one.answer.done():
            one.answer.set_exception(fault)


def lanes(
    lines: Mapping[str, Line], *, http: aiohttp.ClientSession, storage: Storage, closing: asyncio.Event,
    append: Callable[[Event], Awaitable[None]], patience: Patience, lease: int,
) -> dict[str, BatchLane]:  # fmt: skip
    """The batch lanes of a desk: of those of its roles whose endpoint says so."""
    return {
        role: BatchLane(
            api=BatchApi(http, line.endpoint.address, line.api_key, patience, line.endpoint.timeout_seconds),
            storage=storage,
            append=append,
            line=line,
            lease=lease,
            closing=closing,
        )
        for role, line in lines.items()
        if line.endpoint.lane == "batch"
    }
