"""The first rows of a stage are its trial: if too many of them are set aside, something is wrong with more than
rows, and money will not mend it. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import TooManyQuarantined
from tasks.rows.verdict import Verdict


class Trial(BaseModel):
    """How many of how many first rows may be quarantined. Never part of a fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(default=200, ge=1, description="First rows of a shard, in the order they are decided")
    quarantined: float = Field(default=0.2, ge=0, le=1, description="Share of them that may be quarantined")


@dataclass(slots=True, kw_only=True)
class TrialOfShard:
    """Counts the first rows of one shard as they are decided."""

    trial: Trial
    stage: str
    decided: int = 0
    quarantined: int = 0

    def note(self, verdict: Verdict) -> None:
        """Count a row. Raises `TooManyQuarantined` as soon as no later row can change that."""
        if self.decided >= self.trial.rows:
            return
        self.decided += 1
        self.quarantined += verdict is Verdict.QUARANTINE
        if self.quarantined > self.trial.quarantined * self.trial.rows:
            raise TooManyQuarantined(
                f"{self.stage} quarantined {self.quarantined} of the first {self.decided} rows of a shard; of "
                f"{self.trial.rows} no more than {self.trial.quarantined:.0%} may be. Look at the reasons, and mend "
                "the prompt, the model or the source. To go on all the same, raise `trial` in the recipe."
            )
