"""The lease of an engine: one life of one engine process, and the cards it held. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class Lease(BaseModel):
    """One life of one engine process, as far as it is known. Times are Unix milliseconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lease: str = Field(description="Identity: 32 hex digits")
    run: str
    endpoint: str = Field(description="The recipe's name of the endpoint")
    model: str = Field(description="Identity of the model: <name>@<revision>")
    card: str = Field(description="Kind of card")
    cards: int = Field(ge=1, description="How many are held")
    usd_per_hour: Decimal = Field(description="Price of one card for one hour")
    as_of: date
    price_source: str
    restart: bool = Field(description="Whether it follows a death within the run")
    beat_ms: int = Field(description="Rows are written at least this often")
    started_ms: int
    ready_ms: int | None = Field(default=None, description="First completion")
    seen_ms: int = Field(description="When this row was written")
    alive_ms: int = Field(description="Last sign of life: a token or an answered probe")
    ended_ms: int | None = None
    died: bool = Field(default=False, description="Whether it ended by itself, or hung, instead of being stopped")
    why: str = Field(default="", description="What was said at the end")
    busy_ms: int = Field(default=0, description="Of the time since ready: at least one request was worked on")
    prompt_tokens: int = 0
    generated_tokens: int = Field(default=0, description="By the engine's own count")
    delivered_tokens: int = Field(default=0, description="Of these, in replies that reached the client whole")

    def until_ms(self, now_ms: int) -> int:
        """When it ended; for a lease that goes on now; for one that fell silent one beat after its last row."""
        return self.ended_ms if self.ended_ms is not None else max(self.seen_ms, min(now_ms, self.silent_ms))

    @property
    def silent_ms(self) -> int:
        """When a lease without an end is taken to have ended with its writer."""
        return self.seen_ms + 2 * self.beat_ms

    def has_died(self, now_ms: int) -> bool:
        """Whether it ended otherwise than by being stopped."""
        return self.died or (self.ended_ms is None and now_ms > self.silent_ms)
