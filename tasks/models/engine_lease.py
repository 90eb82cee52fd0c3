"""The lease of one engine process, kept up to date while it lives."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from tasks.ledger.gpu import LeaseBook
from tasks.ledger.gpu_lease import Lease
from tasks.models.engine import Engine
from tasks.models.engine_metrics import Sample

BEAT_SECONDS = 15.0


class Owner(BaseModel):
    """Whose engine it is. Plain data: it is sent to the machine that the engine runs on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str
    run: str
    endpoint: str
    since_ms: int


class OpenLease:
    """Counts what an engine does from looks at its metrics, and writes it down at every beat."""

    def __init__(self, book: LeaseBook, engine: Engine, owner: Owner, *, restart: bool) -> None:
        now, cards = now_ms(), engine.serving.cards
        self._book = book
        self._looked: tuple[int, Sample] | None = None
        self.row = Lease(
            lease=uuid4().hex,
            run=owner.run,
            endpoint=owner.endpoint,
            model=engine.model.identity,
            card=cards.kind,
            cards=cards.count,
            usd_per_hour=cards.usd_per_hour,
            as_of=cards.as_of,
            price_source=cards.source,
            restart=restart,
            beat_ms=round(1000 * BEAT_SECONDS),
            started_ms=now,
            seen_ms=now,
            alive_ms=now,
        )

    async def ready(self) -> None:
        """It has answered for the first time."""
        now = now_ms()
        self.row = self.row.model_copy(update={"ready_ms": now, "alive_ms": now})
        await self.write()

    def alive(self) -> None:
        """It has shown a sign of life."""
        self.row = self.row.model_copy(update={"alive_ms": now_ms()})

    def looked(self, sample: Sample) -> bool:
        """Note a look at its metrics; tells whether work has moved on since the look before."""
        now, before = now_ms(), self._looked
        self._looked = now, sample
        busy = now - before[0] if before and (sample.running or before[1].running) else 0
        counts = {"prompt_tokens": sample.prompt_tokens, "generated_tokens": sample.generated_tokens}
        self.row = self.row.model_copy(update={"busy_ms": self.row.busy_ms + busy, **counts})
        return before is None or sample.work > before[1].work

    def delivered(self, tokens: int) -> None:
        """A reply of so many tokens has reached its client."""
        self.row = self.row.model_copy(update={"delivered_tokens": self.row.delivered_tokens + tokens})

    async def beat(self) -> None:
        """Write it down if it is time."""
        if now_ms() - self.row.seen_ms >= self.row.beat_ms:
            await self.write()

    async def end(self, *, died: bool, why: str) -> None:
        """Write its last row."""
        self.row = self.row.model_copy(update={"ended_ms": now_ms(), "died": died, "why": why})
        await self.write()

    async def write(self) -> None:
        """Make the row durable."""
        self.row = self.row.model_copy(update={"seen_ms": now_ms()})
        await asyncio.to_thread(self._book.write, self.row)


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000
