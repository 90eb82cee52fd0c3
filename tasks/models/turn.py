"""A request's turn at an endpoint: how long it took, and how it went."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Turn:
    """One request's turn; whoever sends it says how it went before it ends. Times are seconds."""

    error: str | None = None
    seconds: float | None = None
    tokens: int | None = None
    rest_seconds: float = 0.0
    off_wire: float = 0.0
    on_wire: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def lap(self) -> float:
        """Time since the last lap, at first since the turn began."""
        before, self._since = self._since, time.monotonic()
        return self._since - before

    def ended(self, error: str | None, seconds: float, facts: Mapping[str, Any]) -> None:
        """Note how it went; `facts` has the tokens that were used, if anybody knows them."""
        self.error, self.seconds = error, seconds if error in (None, "timeout", "stalled") else None
        if error is None:
            self.tokens = facts["prompt_tokens"] + facts["completion_tokens"]
