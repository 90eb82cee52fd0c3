"""A desk's gate to one endpoint: a request passes when its slice allows it. For one event loop.

While only concurrency is limited, requests pass on the last grant and the governor hears of them twice a second;
where a rate is limited, each passes at a moment of its own, handed out by the second.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import uuid4

from tasks.models.governor import MEMBER_SECONDS, SLICE_SECONDS, Grant, Limits, Report
from tasks.models.governors import Governor
from tasks.models.retry import RESTS

_LATE_SECONDS = 0.25
"""A moment that has passed by more is not used: late requests would bunch with those of the next slice."""
_SOON_SECONDS = 0.02
_COSTS_AT_ONCE = 1024


@dataclass(slots=True)
class Turn:
    """One request's turn; whoever sends it says how it went before it ends."""

    error: str | None = None
    seconds: float | None = None
    tokens: int | None = None
    rest_seconds: float = 0.0

    def ended(self, error: str | None, seconds: float, facts: Mapping[str, Any]) -> None:
        """Note how it went; `facts` has the tokens that were used, if anybody knows them."""
        self.error, self.seconds = error, seconds if error in (None, "timeout", "stalled") else None
        if error is None:
            self.tokens = facts["prompt_tokens"] + facts["completion_tokens"]


class Gate:
    """Lets requests through as the governor grants. An async context manager."""

    def __init__(self, governor: Governor, endpoint: str, limits: Limits, role: str) -> None:
        """`endpoint` names what the limits are shared by, for example address and model."""
        self._governor, self._endpoint, self._limits, self._role = governor, endpoint, limits, role
        self._paced = bool(limits.requests_per_minute or limits.tokens_per_minute)
        self._member = uuid4().hex
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._moments: deque[tuple[float, int]] = deque()
        self._in_flight = self._allowance = 0
        self._held_until = self._rest_until = self._asked_at = self._report_at = 0.0
        self._served = True
        self._shut: BaseException | None = None
        self._news = asyncio.Event()
        self._forget()

    def _forget(self) -> None:
        self._replies, self._seconds, self._spare, self._throttled, self._rest = 0, 0.0, 0, False, 0.0

    async def __aenter__(self) -> Gate:
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeper
        if self._held_until:
            await asyncio.to_thread(self._say, Report(member=self._member, role=self._role, leaves=True))

    def shut(self, why: BaseException) -> None:
        """Let nobody through any more: who waits, and who comes, gets `why`."""
        self._shut = self._shut or why
        while self._queue:
            _, waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_exception(self._shut)

    @asynccontextmanager
    async def turn(self, tokens: int) -> AsyncIterator[Turn]:
        """Wait for a turn; `tokens` is the most that the request can use. Raises what the gate was shut with."""
        if self._shut:
            raise self._shut
        if self._queue or not self._passes():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._queue.append((tokens, waiter))
            self._news.set()
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                    self._leave()
                raise
        turn = Turn()
        try:
            yield turn
        finally:
            self._note(turn, tokens)
            self._leave()

    def _passes(self) -> bool:
        """Whether one more may go now; if so it is in flight."""
        now = time.monotonic()
        if self._in_flight >= self._allowance or now < self._rest_until or now >= self._held_until:
            return False
        if self._paced:
            while self._moments and now > self._moments[0][0] + _LATE_SECONDS:
                self._spare += self._moments.popleft()[1]
            if not self._moments or now < self._moments[0][0]:
                return False
            self._moments.popleft()
        self._in_flight += 1
        if self._in_flight == 1:
            self._news.set()
        return True

    def _release(self) -> None:
        while self._queue:
            if self._queue[0][1].done():
                self._queue.popleft()
            elif self._passes():
                self._queue.popleft()[1].set_result(None)
            else:
                return

    def _leave(self) -> None:
        self._in_flight -= 1
        self._release()

    def _note(self, turn: Turn, tokens: int) -> None:
        if turn.seconds is not None:
            self._replies, self._seconds = self._replies + 1, self._seconds + turn.seconds
        if turn.tokens is not None:
            self._spare += max(0, tokens - turn.tokens)
        if turn.error in RESTS:
            self._throttled, self._rest = True, max(self._rest, turn.rest_seconds)
            self._rest_until = max(self._rest_until, time.monotonic() + turn.rest_seconds)
            self._report_at = 0.0
            self._news.set()

    async def _keep(self) -> None:
        """Report when it is time, and let through whom the grants allow."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), self._seconds_to_next())
                self._news.clear()
                self._release()
                if time.monotonic() >= self._due_at():
                    await self._ask()
                    self._release()
        except Exception as fault:
            self.shut(fault)

    def _seconds_to_next(self) -> float | None:
        """Until the next report or moment; None if nothing waits and nothing is in flight."""
        if not self._queue and not self._in_flight:
            return None
        times = [self._due_at()]
        if self._queue and self._moments and self._in_flight < self._allowance:
            times.append(max(self._moments[0][0], self._rest_until))
        return max(0.0, min(times) - time.monotonic())

    def _due_at(self) -> float:
        """When to report; soon if somebody came after the last slice had served everybody."""
        fresh = self._paced and self._served and len(self._queue) > len(self._moments)
        return min(self._report_at, self._asked_at + _SOON_SECONDS) if fresh else self._report_at

    async def _ask(self) -> None:
        first = len(self._moments)
        costs = tuple(cost for cost, _ in islice(self._queue, first, first + _COSTS_AT_ONCE)) if self._paced else ()
        said = Report(
            member=self._member, role=self._role, in_flight=self._in_flight, waiting=len(self._queue), costs=costs,
            replies=self._replies, seconds=self._seconds / self._replies if self._replies else 0.0,
            throttled=self._throttled, rest_seconds=self._rest, spare_tokens=self._spare,
        )  # fmt: skip
        self._forget()
        self._take(await asyncio.to_thread(self._say, said), costs)

    def _take(self, grant: Grant, costs: tuple[int, ...]) -> None:
        now = self._asked_at = time.monotonic()
        self._allowance = grant.allowance
        self._held_until = now + MEMBER_SECONDS / 2
        self._rest_until = max(self._rest_until, now + grant.rest_seconds)
        self._moments.extend((now + moment, cost) for moment, cost in zip(grant.moments, costs, strict=False))
        self._served = len(grant.moments) == len(costs)
        self._report_at = now + SLICE_SECONDS / 2
        if self._queue and not self._moments and (self._paced or self._in_flight >= self._allowance):
            self._report_at = now + grant.again_seconds

    def _say(self, report: Report) -> Grant:
        return self._governor.report(self._endpoint, self._limits, report)
