"""Where a model is reached, and one role's line to it. Values; nothing here enters a request key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tasks.models.engine import Serving
from tasks.models.gate import Gate
from tasks.models.governor import Limits
from tasks.models.prices import Price
from tasks.models.request import Model, Structured


class Endpoint(BaseModel):
    """Where a model is reached and how. Only `structured` bears on an answer, and `Model` has it in the key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["openai", "litellm", "rehearsal", "vllm"] = Field(
        default="openai",
        description="openai: spoken to directly; rehearsal: started with the run, on loopback; litellm: a paid API,"
        " roles name models as <provider>/<model>; vllm: an engine of the run's own, on Ray",
    )
    engine: Serving | None = Field(default=None, description="What is served and how; only for kind vllm")
    address: Annotated[str, BeforeValidator(lambda given: given or "")] = Field(
        default="", description="Base URL ending in /v1; litellm needs one only to leave the provider's own"
    )
    api_key_env: str | None = Field(default=None, description="Environment variable that holds the key")
    faults: str | None = Field(default=None, description="Plan of how to misbehave; only for kind rehearsal")
    concurrency: int = Field(default=32, ge=1, description="Requests in flight, of all workers together")
    requests_per_minute: float | None = Field(default=None, gt=0, description="Of all workers and runs together")
    tokens_per_minute: float | None = Field(default=None, gt=0, description="Of all workers and runs together")
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
    structured: Structured = Field(
        default="json_schema", description="What it can do for answers of a schema; it bears on answers"
    )

    @property
    def sessions(self) -> bool:
        """Whether each row's requests are sent with a session, to one of several replicas."""
        return self.engine is not None and self.engine.replicas > 1

    def at(self, address: str) -> Self:
        """The endpoint with its address; requests to an engine also wait for its starts."""
        starts = 2 * self.engine.start_seconds if self.engine else 0.0
        return self.model_copy(update={"address": address, "timeout_seconds": self.timeout_seconds + starts})

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
