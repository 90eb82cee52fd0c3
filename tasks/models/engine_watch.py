"""Watches over one engine: starts it, sees that it works, starts it again when it dies, and lets requests through.

While the engine is not ready, or a hunt for a poisonous request is on (`engine_suspects`), requests wait here. One
that was in flight at a death is given to the next process: to its client, and in the log, it is one attempt that took
long, and the lost time is in the lease. Two answers are final: 424 for a request that kills the engine, with its last
words, and 410 for all requests once the engine has died too often.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable

from tasks.models.engine import Engine
from tasks.models.engine_lease import OpenLease
from tasks.models.engine_process import NETWORK_FAULTS, Answer, EngineProcess
from tasks.models.engine_suspects import Suspects, after_answer, after_death

TICK_SECONDS = 1.0
PROBE_EVERY = 10.0
DEATH_SECONDS = 30.0
"""A request that broke off without a death being found within so long broke off for another reason."""
POISON, CLOSED, DIED = 424, 410, 503
_USAGE = re.compile(rb'"completion_tokens":\s*(\d+)')


def refusal(status: int, kind: str, message: str) -> Answer:
    """What the engine's keeper answers itself, as OpenAI-compatible servers put it."""
    error = {"error": {"type": kind, "message": message, "code": status}}
    return Answer(status=status, kind="application/json", body=json.dumps(error).encode())


def completion_tokens(body: bytes) -> int:
    """The tokens that a reply says it has; 0 if it does not say."""
    said = _USAGE.findall(body)
    return int(said[-1]) if said else 0


class Watch:
    """Keeps one engine going. Used from one event loop."""

    def __init__(
        self, engine: Engine, start: Callable[[], EngineProcess], lease: Callable[[bool], OpenLease], deaths: int = 0
    ) -> None:
        """`lease(restart)` opens a lease; `deaths` are those that earlier watches of this run have seen."""
        self._name, self._serving = engine.model.name, engine.serving
        self._start, self._open_lease = start, lease
        self._deaths = deaths
        self._suspects = Suspects()
        self._of_hunt = 0
        self._in_flight: Counter[str] = Counter()
        self._life_number = 0
        self._last_words: dict[str, str] = {}
        self._process: EngineProcess | None = None
        self._lease: OpenLease | None = None
        self._ready = False
        self._turn = asyncio.Event()
        self.closed: str | None = None

    async def run(self) -> None:
        """Start the engine and keep it going until it is closed; being cancelled stops it in good order."""
        while self.closed is None:
            died = await self._life()
            self._judge(died)

    async def _life(self) -> str:
        """One process from start to death; gives what it died of."""
        lease = self._lease = self._open_lease(self._deaths + self._life_number > 0)
        await lease.write()
        process = self._process = self._start()
        died, why = False, "stopped"
        try:
            why = await self._until_ready(process, lease) or await self._until_dead(process, lease)
            died = True
            return why
        finally:
            self._ready = False
            process.end()
            await asyncio.shield(lease.end(died=died, why=why))

    async def _until_ready(self, process: EngineProcess, lease: OpenLease) -> str | None:
        deadline = time.monotonic() + self._serving.start_seconds
        while not await process.completes():
            if not process.is_running():
                return f"it ended while it started; its last words:\n{process.last_words()}"
            if time.monotonic() > deadline:
                return f"it was not ready after {self._serving.start_seconds:.0f} seconds:\n{process.last_words()}"
            lease.alive()
            await lease.beat()
            await asyncio.sleep(TICK_SECONDS)
        await lease.ready()
        self._ready = True
        self._wake()
        return None

    async def _until_dead(self, process: EngineProcess, lease: OpenLease) -> str:
        alive = asked = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if not process.is_running():
                return f"it died; its last words:\n{process.last_words()}"
            sample = await process.sample()
            moved = sample is not None and lease.looked(sample)
            if not moved and time.monotonic() - max(alive, asked) > PROBE_EVERY:
                asked = time.monotonic()
                moved = await process.completes()
            if moved:
                alive = time.monotonic()
                lease.alive()
            if time.monotonic() - alive > self._serving.stall_seconds:
                return f"it hung: no token for {self._serving.stall_seconds:.0f} seconds:\n{process.last_words()}"
            await lease.beat()

    def _judge(self, why: str) -> None:
        """Draw the conclusions of a death: who is suspected, and whether there may be another start."""
        known, self._suspects = self._suspects, after_death(self._suspects, frozenset(self._in_flight))
        self._life_number += 1
        self._deaths += 1
        found = self._suspects.condemned - known.condemned
        self._last_words |= dict.fromkeys(found, why)
        self._of_hunt = self._of_hunt + 1 if self._suspects.hunting or found else 0
        if found:  # the deaths that led to it are explained
            self._deaths, self._of_hunt = max(0, self._deaths - self._of_hunt - 1), 0
        too_often = self._deaths > self._serving.restarts or len(self._suspects.condemned) > self._serving.restarts
        if not self._suspects.hunting and too_often:
            self.closed = (
                f"engine {self._name} has died too often in this run: {self._deaths} times, and of "
                f"{len(self._suspects.condemned)} single requests, where {self._serving.restarts} are allowed. "
                f"Nothing more is asked of it; what it answered is kept. The last time {why}"
            )
        self._wake()

    def _wake(self) -> None:
        self._turn.set()
        self._turn = asyncio.Event()

    async def _admitted(self, request: str) -> Answer | None:
        """Wait until a request may be sent; or what is answered because it never will be."""
        while True:
            if request in self._suspects.condemned:
                return refusal(POISON, "poison", self._last_words[request])
            if self.closed is not None:
                return refusal(CLOSED, "engine_closed", self.closed)
            if self._ready and self._suspects.admits(request):
                return None
            await self._turn.wait()

    async def answer(self, path: str, body: bytes) -> Answer:
        """Pass a request on when its turn has come; vLLM's answer, or what is said in its place."""
        request = hashlib.sha256(body).hexdigest()
        while True:
            said = await self._admitted(request) or await self._sent(request, path, body)
            if said is not None:
                return said

    async def _sent(self, request: str, path: str, body: bytes) -> Answer | None:
        """vLLM's answer; None if the engine died over it."""
        life, fell = self._life_number, False
        self._in_flight[request] += 1
        try:
            answer = await self._posted(path, body)
            fell = answer.status >= 500 and await self._has_ended(life)
            if not fell and self._lease is not None:
                self._lease.delivered(completion_tokens(answer.body))
            return None if fell else answer
        finally:  # a client that is gone takes its request with it, and its suspicion
            self._in_flight -= Counter([request])
            if not fell and not self._in_flight[request]:
                self._suspects = after_answer(self._suspects, request)
                self._wake()

    async def _posted(self, path: str, body: bytes) -> Answer:
        if self._process is None:
            return refusal(DIED, "engine_died", "the engine is not there")
        try:
            return await self._process.post(path, body)
        except NETWORK_FAULTS as fault:
            return refusal(DIED, "engine_died", f"the engine broke off: {fault}")

    async def _has_ended(self, life: int) -> bool:
        """Whether that life of the engine is over; what breaks off a request is seen sooner than a death is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEATH_SECONDS):
                while self._life_number == life:
                    await self._turn.wait()
        return self._life_number != life
