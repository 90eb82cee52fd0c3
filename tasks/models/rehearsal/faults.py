"""How the rehearsal models misbehave: a plan of shares, and which fault an attempt gets. Pure.

What happens to the wire is decided for each attempt of a request, so a retry can get through. What the model itself
does is decided for the request: it says the same however often it is asked. All of it follows from the seed, so the
same requests meet the same faults, whatever the order they come in.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Fault(StrEnum):
    """What can happen to one attempt, on the wire; and below, what can become of one request's reply."""

    RATE_LIMITED = "rate_limited"
    """429 that does not say how long to wait."""
    RETRY_AFTER = "retry_after"
    """429 with Retry-After."""
    ERROR_500 = "error_500"
    ERROR_502 = "error_502"
    ERROR_503 = "error_503"
    ERROR_529 = "error_529"
    HANG = "hang"
    """Nothing is ever answered."""
    CUT_BEFORE = "cut_before"
    """The reply is made, and the connection closed before any of it is sent."""
    CUT_HALFWAY = "cut_halfway"
    """The connection is closed after half of the reply's bytes."""
    MALFORMED = "malformed"
    """200 with half a JSON document."""
    NO_USAGE = "no_usage"
    """200 with a reply that does not say what it used."""
    WRONG_MODEL = "wrong_model"
    """200 with a reply that another model signs."""
    SLOW = "slow"
    """The whole reply, in small pieces."""

    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    LENGTH = "length"
    """The answer ends half-way, as at a token limit."""


OF_THE_REPLY = (Fault.REFUSAL, Fault.CONTENT_FILTER, Fault.LENGTH)
OF_THE_WIRE = tuple(fault for fault in Fault if fault not in OF_THE_REPLY)
STATUS = {
    Fault.RATE_LIMITED: 429,
    Fault.RETRY_AFTER: 429,
    Fault.ERROR_500: 500,
    Fault.ERROR_502: 502,
    Fault.ERROR_503: 503,
    Fault.ERROR_529: 529,
}
"""Faults that are an answer of their own: nothing is made, so nothing is charged."""
LOST = frozenset({Fault.CUT_BEFORE, Fault.CUT_HALFWAY, Fault.MALFORMED, Fault.NO_USAGE, Fault.WRONG_MODEL})
"""Replies that are made and charged, but that nobody can accept: whoever asked may have paid, and cannot know."""


class FaultPlan(BaseModel):
    """Which share of attempts, or of replies, goes wrong in which way. Without shares nothing does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    shares: dict[Fault, float] = Field(default_factory=dict, description="Fault to its share, 0 to 1")
    retry_after_seconds: float = Field(default=0.2, ge=0, description="What Retry-After says")
    slow_seconds: float = Field(default=1.0, ge=0, description="How long a slow reply takes")

    def model_post_init(self, _: object) -> None:
        for group in (OF_THE_WIRE, OF_THE_REPLY):
            shares = [self.shares.get(fault, 0.0) for fault in group]
            if min(shares) < 0 or sum(shares) > 1:
                raise ValueError(f"the shares of {', '.join(group)} must be 0 or more, and 1 at most together")

    def of_attempt(self, request: str, number: int) -> Fault | None:
        """What the wire does to attempt `number` (from 0) of a request, which is named by a digest."""
        return self._draw(OF_THE_WIRE, f"{self.seed}:{request}:{number}")

    def of_reply(self, request: str) -> Fault | None:
        """What the model does with a request."""
        return self._draw(OF_THE_REPLY, f"{self.seed}:{request}")

    def _draw(self, group: tuple[Fault, ...], what: str) -> Fault | None:
        drawn = int.from_bytes(sha256(what.encode()).digest()[:8], "big") / 2**64
        for fault in group:
            drawn -= self.shares.get(fault, 0.0)
            if drawn < 0:
                return fault
        return None


def load(path: Path) -> FaultPlan:
    """The plan in a YAML (or JSON) file. Raises `ValueError` naming the file and every fault in it, or `OSError`."""
    try:
        return FaultPlan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except yaml.YAMLError as fault:
        raise ValueError(f"{path} is not YAML: {fault}") from fault
    except ValidationError as fault:
        lines = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors(include_url=False))
        raise ValueError(f"{path} is no fault plan: {lines}. Known faults: {', '.join(Fault)}") from fault
