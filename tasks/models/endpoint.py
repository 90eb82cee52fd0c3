"""Where a model is reached, and one role's line to it. Values; nothing here enters a request key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.models.gate import Gate
from tasks.models.governor import Limits
from tasks.models.prices import Price
from tasks.models.request import Model


class Endpoint(BaseModel):
    """Where a model is reached. Nothing here bears on an answer, so nothing here enters a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["openai", "litellm"] = Field(
        default="openai", description="Spoken to directly, or a paid API through litellm"
    )
    address: str = Field(description="Base URL of an OpenAI-compatible server, ending in /v1; litellm: may be empty")
    api_key_env: str | None = Field(default=None, description="Environment variable that holds the key")
    concurrency: int = Field(default=32, ge=1, description="Requests in flight, of all workers together")
    requests_per_minute: float | None = Field(default=None, gt=0, description="Of all workers and runs together")
    tokens_per_minute: float | None = Field(default=None, gt=0, description="Of all workers and runs together")
    sessions: bool = Field(default=False, description="Send each row's requests with a session, to one replica")
    timeout_seconds: float = Field(default=600.0, gt=0, description="Limit for one attempt, sending to last byte")
    stall_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Replies are streamed, and cut when no token comes for so long after the first",
    )
    first_token_seconds: float | None = Field(
        default=None, gt=0, description="With stall_seconds: limit for the wait from the headers to the first token"
    )

    lane: Literal["online", "batch"] = Field(
        default="online", description="batch: half price within 24 hours, where the endpoint has OpenAI's batches"
    )
    batch_window_seconds: float = Field(
        default=2.0, gt=0, description="What is asked with no longer pause than this shares a batch"
    )
    batch_poll_seconds: float = Field(default=30.0, gt=0, description="Between two looks at a batch")

    def limits(self) -> Limits:
        """What all workers together may ask of it."""
        return Limits.model_validate(self.model_dump(include=set(Limits.model_fields)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One role's line to its model: whom it asks, where, and at what price."""

    role: str
    model: Model
    endpoint_name: str
    endpoint: Endpoint
    price: Price
    price_version: str
    api_key: str | None
    gate: Gate
    serves: tuple[str, ...] = ()
    """Names, beside the model's own, under which the endpoint may answer."""
