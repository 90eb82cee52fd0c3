"""A desk's gate to one endpoint: a request passes when its slice allows it. For one event loop.

While only concurrency is limited, requests pass on the last grant and the governor hears of them twice a second;
where a rate is limited, each passes at a moment of its own, handed out by the second. The first grant is asked for
when the gate opens, for a report waits long behind a crowd of rows that begin; what nobody uses is given back.

A turn is longer than its time on the wire: before that its intent becomes durable, and after it its outcome. No more
are on the wire than was granted. For so many to be there, a few more have a turn: twice as many as the time turns
are off the wire asks for (Little's law), but at most half as many again. Where a rate is limited nobody is ahead.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from tasks.models.governor import MEMBER_SECONDS, SLICE_SECONDS, Grant, Limits, Report
from tasks.models.governors import Governor
from tasks.models.retry import RESTS
from tasks.models.turn import Turn
from tasks.models.waiting import Queue

_LATE_SECONDS = 0.25
"""A moment that has passed by more is not used: late requests would bunch with those of the next slice."""
_SOON_SECONDS = 0.02
_COSTS_AT_ONCE = 1024
MOST_AHEAD = 0.5
"""Turns beyond what may be on the wire, as a share of it, at most; so many more are possibly paid after a kill."""
_CROWDS = 2.0
"""Turns come and go in crowds, because segments are written for many at once: so many times the mean is needed."""
_LATELY = 0.05
"""Weight of the last turn in the mean times of turns."""


class Gate:
    """Lets requests through as the governor grants. An async context manager."""

    def __init__(self, governor: Governor, endpoint: str, limits: Limits, role: str) -> None:
        """`endpoint` names what the limits are shared by, for example address and model."""
        self._governor, self._endpoint, self._limits, self._role = governor, endpoint, limits, role
        self._paced = bool(limits.requests_per_minute or limits.tokens_per_minute)
        self._member = uuid4().hex
        self._news = asyncio.Event()
        self._queue = Queue(self._passes, self._leave, came=self._news.set)
        self._ready = Queue(self._goes_out, self._hang_up)
        self._moments: deque[tuple[float, int]] = deque()
        self._turns = self._on_wire = self._allowance = 0
        self._mean_off = self._mean_on = 0.0
        self._held_until = self._rest_until = self._asked_at = self._report_at = 0.0
        self._served = True
        self._shut: BaseException | None = None
        self._forget()

    def _forget(self) -> None:
        self._replies, self._seconds, self._spare, self._throttled, self._rest = 0, 0.0, 0, False, 0.0

    async def __aenter__(self) -> Gate:
        try:
            await self._ask()
        except Exception as fault:  # told to who asks for a turn; maybe everything is found
            self.shut(fault)
        self._report_at = 0.0
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeper
        await self._give_back()

    def shut(self, why: BaseException) -> None:
        """Let nobody through any more: who waits, and who comes, gets `why`."""
        self._shut = self._shut or why
        self._queue.close(self._shut)
        self._ready.move()

    @asynccontextmanager
    async def turn(self, tokens: int) -> AsyncIterator[Turn]:
        """Wait for a turn; `tokens` is the most that the request can use. Raises what the gate was shut with."""
        if self._shut:
            raise self._shut
        await self._queue.place(tokens)
        turn = Turn()
        try:
            yield turn
        finally:
            turn.off_wire += turn.lap()
            self._note(turn, tokens)
            self._leave()

    @asynccontextmanager
    async def wire(self, turn: Turn) -> AsyncIterator[bool]:
        """Within a turn, wait until one more may be on the wire. False: the gate is shut, so send nothing."""
        turn.off_wire += turn.lap()
        await self._ready.place()
        turn.lap()
        try:
            yield self._shut is None
        finally:
            turn.on_wire += turn.lap()
            self._hang_up()

    def _passes(self) -> bool:
        """Whether one more may have a turn now; if so it has."""
        now = time.monotonic()
        if self._turns >= self._most_turns() or now < self._rest_until or now >= self._held_until:
            return False
        if self._paced:
            while self._moments and now > self._moments[0][0] + _LATE_SECONDS:
                self._spare += self._moments.popleft()[1]
            if not self._moments or now < self._moments[0][0]:
                return False
            self._moments.popleft()
        self._turns += 1
        if self._turns == 1:
            self._news.set()
        return True

    def _most_turns(self) -> int:
        if self._paced or not self._mean_on:
            return self._allowance
        ahead = min(MOST_AHEAD, _CROWDS * self._mean_off / self._mean_on)
        return self._allowance + math.ceil(self._allowance * ahead)

    def _goes_out(self) -> bool:
        """Whether one more may be on the wire now; if so it is. Who waits in vain gets out, to hear of it."""
        if not self._shut and (self._on_wire >= self._allowance or time.monotonic() < self._rest_until):
            return False
        self._on_wire += 1
        return True

    def _release(self) -> None:
        self._ready.move()
        self._queue.move()

    def _hang_up(self) -> None:
        self._on_wire -= 1
        self._release()

    def _leave(self) -> None:
        self._turns -= 1
        self._release()

    def _note(self, turn: Turn, tokens: int) -> None:
        if turn.seconds is not None:
            self._replies, self._seconds = self._replies + 1, self._seconds + turn.seconds
        if turn.tokens is not None:
            self._spare += max(0, tokens - turn.tokens)
            self._mean_off += _LATELY * (turn.off_wire - self._mean_off)
            self._mean_on += _LATELY * (turn.on_wire - self._mean_on)
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
                    await (self._give_back() if self._is_idle() else self._ask())
                    self._release()
        except Exception as fault:
            self.shut(fault)

    def _is_idle(self) -> bool:
        return not self._queue and not self._turns

    def _seconds_to_next(self) -> float | None:
        """Until the next report or moment; None if nothing waits, nothing is in flight and nothing is held."""
        if self._is_idle() and not self._held_until:
            return None
        times = [self._due_at()]
        if self._queue and self._moments and self._turns < self._allowance:
            times.append(max(self._moments[0][0], self._rest_until))
        return max(0.0, min(times) - time.monotonic())

    def _due_at(self) -> float:
        """When to report; soon if somebody came after the last slice had served everybody, late if nobody did."""
        if self._is_idle():
            return self._asked_at + SLICE_SECONDS
        fresh = self._paced and self._served and len(self._queue) > len(self._moments)
        return min(self._report_at, self._asked_at + _SOON_SECONDS) if fresh else self._report_at

    async def _ask(self) -> None:
        first = len(self._moments)
        costs = self._queue.costs(first, _COSTS_AT_ONCE) if self._paced else ()
        said = self._report(
            in_flight=max(self._on_wire, min(self._turns, self._allowance)),
            waiting=len(self._queue) + len(self._ready),
            costs=costs,
        )
        self._take(await asyncio.to_thread(self._say, said), costs)

    async def _give_back(self) -> None:
        """Hold nothing any more; who comes later asks anew."""
        if self._held_until:
            self._held_until = self._report_at = 0.0
            await asyncio.to_thread(self._say, self._report(leaves=True))

    def _report(self, **said: Any) -> Report:
        """What is said, and what happened since the last report."""
        report = Report(
            member=self._member, role=self._role,
            replies=self._replies, seconds=self._seconds / self._replies if self._replies else 0.0,
            throttled=self._throttled, rest_seconds=self._rest, spare_tokens=self._spare, **said,
        )  # fmt: skip
        self._forget()
        return report

    def _take(self, grant: Grant, costs: tuple[int, ...]) -> None:
        now = self._asked_at = time.monotonic()
        self._allowance = grant.allowance
        self._held_until = now + MEMBER_SECONDS / 2
        self._rest_until = max(self._rest_until, now + grant.rest_seconds)
        self._moments.extend((now + moment, cost) for moment, cost in zip(grant.moments, costs, strict=False))
        self._served = len(grant.moments) == len(costs)
        self._report_at = now + SLICE_SECONDS / 2
        if self._queue and not self._moments and (self._paced or self._turns >= self._most_turns()):
            self._report_at = now + grant.again_seconds

    def _say(self, report: Report) -> Grant:
        return self._governor.report(self._endpoint, self._limits, report)
