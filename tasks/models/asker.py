"""The one way to ask: look the key up, else log the intent, send, log the outcome, and only then answer.

Within one asker a key is asked once, however many coroutines want it. Across askers and runs the response
store answers. What the log calls durable is never bought again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import polars as pl

from tasks.errors import (
    CurationError,
    EndpointError,
    EngineClosed,
    Halted,
    LeaseLost,
    NotStored,
    RejectedRequest,
    StorageError,
)
from tasks.ledger.books import DESK_DIGITS
from tasks.ledger.events import Asker, Event
from tasks.ledger.leases import Lease
from tasks.ledger.log import AttemptLog
from tasks.ledger.purse import Bill, Purse
from tasks.ledger.store import ReplyStore
from tasks.models import prices, retry, wire
from tasks.models.answer import Answer, facts
from tasks.models.batch_lane import lanes
from tasks.models.client import send
from tasks.models.endpoint import Line
from tasks.models.flights import Flights
from tasks.models.governor import tokens
from tasks.models.lookups import Lookups
from tasks.models.prompt import Ask, Prompt, Reply
from tasks.models.request import Request, request
from tasks.models.turn import Turn
from tasks.rows.storage import Storage
from tasks.rows.tables import table
from tasks.rows.trial import TrialOfShard

ASKED = {"key": pl.String, "problem_id": pl.String, "role": pl.String, "microusd": pl.Int64}
"""Columns of the table of what a shard asked; `microusd` is what the reply to the key cost when it was bought, 0 if
the request was set aside."""


class Desk:
    """Asks for one shard of one stage. Used from one event loop, as an async context manager.

    Once a request has failed for good, or the context is left, nothing new goes out, not even another attempt;
    what is in flight is awaited and kept, whether anybody still waits for it or not.
    """

    def __init__(
        self, *, store: ReplyStore, log: AttemptLog, http: aiohttp.ClientSession, lines: dict[str, Line],
        run: str, stage: str, shard: str, patience: retry.Patience | None = None, buys: bool = True,
        lease: Lease | None = None, purse: Purse | None = None, trial: TrialOfShard | None = None,
        flights: Flights | None = None, storage: Storage | None = None,
    ) -> None:  # fmt: skip
        """Without `buys` only stored replies are given, and `NotStored` is raised for any other.

        If the `lease` is lost, nothing new goes out and `LeaseLost` is raised. Without a purse nothing bounds what is
        spent, without a trial nothing how many rows may be set aside. Batches are put on record in the
        `storage`; without one everything is asked online.
        """
        self._lookups, self._log, self._http, self._lines = Lookups(store), log, http, lines
        self._run, self._stage, self._shard = run, stage, shard
        self._patience = patience or retry.Patience()
        self._buys, self._lease, self._purse = buys, lease, purse
        self.trial = trial
        self._name = purse.desk if purse else uuid4().hex[:DESK_DIGITS]
        self._resting: set[tuple[str, str, str]] = set()
        self._microusd: dict[str, int] = {}
        self._buying: dict[str, asyncio.Future[Reply]] = {}
        self._closed: CurationError | None = None
        self._closing = asyncio.Event()
        self._flights = flights or Flights()
        self._gates = contextlib.AsyncExitStack()
        self.found = 0
        self.bought = 0
        self.first_sample = 0
        """Sample indices count from here."""
        self._rejected = 0
        self._batches = (
            lanes(
                lines,
                http=http,
                storage=storage,
                closing=self._closing,
                append=log.append,
                patience=self._patience,
                lease=lease.token if lease else 0,
            )
            if storage and buys
            else {}
        )
        if lease:
            lease.when_lost(self._close)

    async def __aenter__(self) -> Desk:
        for line in self._lines.values():
            await self._gates.enter_async_context(line.gate)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close(EndpointError(f"the desk of {self._stage} of {self._shard} is closed; nothing more goes out"))
        await asyncio.gather(*self._buying.values(), return_exceptions=True)
        await self._gates.aclose()

    def _close(self, why: CurationError) -> None:
        self._closed = self._closed or why
        self._closing.set()
        for line in self._lines.values():
            line.gate.shut(self._closed)
        if self._purse:
            self._purse.shut(self._closed)

    def ask_for(self, role: str, problem_id: str) -> Ask:
        """An `Ask` that speaks for one role and one row."""
        line = self._lines[role]

        async def ask(prompt: Prompt, *, sample: int = 0) -> Reply:
            wanted = request(prompt, line.model, self.first_sample + sample)
            try:
                reply = await self._find(wanted) or await self._buy_once(wanted, line, problem_id)
            except RejectedRequest:
                self._microusd[wanted.key] = 0
                self._resting.add((wanted.key, problem_id, role))
                raise
            self._resting.add((wanted.key, problem_id, role))
            return reply

        return ask

    def asks_in_batches(self, role: str) -> bool:
        """Whether what this role asks goes out in batches, which wait for whoever asks meanwhile."""
        return role in self._batches

    def asked(self) -> pl.DataFrame:
        """Which replies the rows rest on, whoever bought them and when: same rows and replies, same table."""
        return table(
            (
                {"key": key, "problem_id": problem_id, "role": role, "microusd": self._microusd[key]}
                for key, problem_id, role in sorted(self._resting)
            ),
            ASKED,
        )

    async def _find(self, wanted: Request) -> Reply | None:
        stored = await self._lookups.get(wanted.key)
        if stored is None and wanted.key in self._microusd:  # bought while the look-up was under way
            stored = await self._lookups.get(wanted.key)
        if stored is None:
            return None
        self.found += 1
        self._microusd[wanted.key] = stored.microusd
        return wire.reply(wanted.key, stored.body)

    async def _buy_once(self, wanted: Request, line: Line, problem_id: str) -> Reply:
        """Buy, or wait for whoever is buying the same; a failure is everybody's, later ones' too."""
        buying = self._buying.get(wanted.key)
        if buying is None:
            asker = Asker(run=self._run, stage=self._stage, shard=self._shard, problem_id=problem_id, role=line.role)
            buying = self._buying[wanted.key] = asyncio.ensure_future(self._buy(wanted, line, asker))
        return await asyncio.shield(buying)

    async def _buy(self, wanted: Request, line: Line, asker: Asker) -> Reply:
        ended = self._lookups.set_aside(wanted.key, proven=self._buys)
        if ended is not None:
            raise RejectedRequest(f"{line.role}: {ended}, when it was asked before", reason=_reason(ended))
        if not self._buys:
            raise NotStored(
                f"{self._stage} of {self._shard}: no reply to key {wanted.key} is stored ({line.role} for problem "
                f"{asker.problem_id}), and buying is switched off. Run the recipe again to buy what is missing."
            )
        async with self._flights.turn(wanted.key, self._closing) as waited:
            found = await self._find(wanted) if waited else None
            if found is not None:
                del self._buying[wanted.key]
                return found
            return await self._buy_now(wanted, line, asker)

    async def _buy_now(self, wanted: Request, line: Line, asker: Asker) -> Reply:
        for attempt in range(self._patience.attempts):
            if attempt == 0 and line.role in self._batches:
                answer = await self._in_batch(wanted, line, asker)
            else:
                answer = await self._in_turn(wanted, line, asker, attempt)
            if answer.reply is not None:
                self.bought += 1
                self._microusd[wanted.key] = answer.microusd
                del self._buying[wanted.key]  # from here on it is found
                return answer.reply
            if answer.error == "poison" or (answer.error in retry.SET_ASIDE and self._is_the_rows_fault()):
                raise RejectedRequest(
                    f"{line.role}: {answer.error}, HTTP {answer.http_status}, {answer.body[:300]!r}",
                    reason=_reason(answer.error),
                )
            if answer.error not in retry.RETRIED:
                break
            await self._wait(retry.wait_seconds(self._patience, attempt, answer.retry_after))
        gave_up = _gave_up(answer, line)
        self._close(gave_up)
        raise gave_up

    def _is_the_rows_fault(self) -> bool:
        self._rejected += 1
        return bool(self.found or self.bought) or self._rejected < self._patience.rejections

    async def _wait(self, seconds: float) -> None:
        """Wait, but no longer than the desk is open."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def _in_turn(self, wanted: Request, line: Line, asker: Asker, attempt: int) -> Answer:
        """One wire attempt, when the endpoint's limits have room for it. Raises why the desk was closed."""
        if self._closed:
            raise self._closed
        payload = wire.body(wanted, streamed=line.endpoint.stall_seconds is not None)
        bound = prices.bound(line.price, len(payload), int(wanted.sampling["max_tokens"]))
        async with line.gate.turn(tokens(len(payload), int(wanted.sampling["max_tokens"]))) as turn:
            async with self._bill(bound) as bill:
                answer = await self._attempt(wanted, line, asker, payload, turn, bill)
            if answer.retry_after and answer.error in retry.RESTS:
                turn.rest_seconds = retry.wait_seconds(self._patience, attempt, answer.retry_after)
            return answer

    async def _in_batch(self, wanted: Request, line: Line, asker: Asker) -> Answer:
        """One attempt by way of a batch. Raises why the desk was closed."""
        if self._closed:
            raise self._closed
        if self._lease and self._lease.is_stale:
            await self._lease.confirm()
        lane = self._batches[line.role]
        async with self._bill(lane.bound(wanted)) as bill:
            bill.maybe = bill.bound
            answer = await lane.ask(wanted, asker, f"{self._name}{uuid4().hex[DESK_DIGITS:]}")
            _settle(bill, answer)
        return answer

    @asynccontextmanager
    async def _bill(self, bound: int) -> AsyncIterator[Bill]:
        """Money for one attempt, reserved before and settled after; the desk closes when its budget is reached."""
        if self._purse is None:
            yield Bill(bound=bound)
            return
        try:
            await self._purse.reserve(bound)
        except Halted as why:
            self._close(why)
            raise
        bill = Bill(bound=bound)
        try:
            yield bill
        finally:
            self._purse.settle(bill)

    async def _holds_lease(self) -> bool:
        """Whether the shard is still this desk's, made sure of after a pause; if nobody can tell, the desk closes."""
        try:
            if self._lease:
                await self._lease.confirm()
        except (LeaseLost, StorageError) as why:
            self._close(why)
            return False
        return True

    async def _attempt(
        self, wanted: Request, line: Line, asker: Asker, payload: bytes, turn: Turn, bill: Bill
    ) -> Answer:
        """One wire attempt: intent durable, send, outcome durable."""
        common: dict[str, Any] = {
            "attempt": f"{self._name}{uuid4().hex[DESK_DIGITS:]}",
            "key": wanted.key,
            "asker": asker,
            "model": line.model.identity,
            "endpoint": line.endpoint_name,
            "sample": wanted.sample,
            "lease": self._lease.token if self._lease else 0,
        }
        await self._log.append(
            Event(kind="intent", at_ms=_now(), request=wanted.canonical, bound_microusd=bill.bound, **common)
        )
        bill.maybe = bill.bound
        async with line.gate.wire(turn) as is_open:
            began = time.monotonic()
            if is_open and await self._holds_lease():
                answer = await send(self._http, payload, line, session=asker.problem_id)
            else:
                answer = Answer(http_status=0, body="", error="unsent")
            took = round(1000 * (time.monotonic() - began))
            if answer.error in retry.GIVEN_UP:  # before the next one is on the wire
                self._close(_gave_up(answer, line))
        answer, found = facts(answer, line, wanted.key)
        turn.ended(answer.error, took / 1000, found)
        await self._log.append(Event(kind="outcome", at_ms=_now(), took_ms=took, **common, **found))
        _settle(bill, answer)
        return answer


def _gave_up(answer: Answer, line: Line) -> CurationError:
    if answer.error == "closed":
        return EngineClosed(f"endpoint {line.endpoint_name}: {answer.body[:3000]}")
    return EndpointError(
        f"{line.role}: {line.model.identity} at endpoint {line.endpoint_name} ({line.endpoint.address}) gave "
        f"no reply: {answer.error}, HTTP {answer.http_status}, {answer.body[:300]!r}. "
        "Replies already paid are kept; mend the endpoint and run again."
    )


def _reason(error: str) -> str:
    """What the row of a request is quarantined as that was set aside."""
    return "poison" if error == "poison" else "rejected"


def _settle(bill: Bill, answer: Answer) -> None:
    bill.spent = answer.microusd
    bill.maybe = bill.bound if answer.error and retry.RULES[answer.error].maybe_paid else 0


def _now() -> int:
    return time.time_ns() // 1_000_000
