"""What the report page says of a run, as values: whoever draws or writes needs nothing else. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.ledger.gpu_split import Split
from tasks.report.contamination import Contamination
from tasks.report.funnel import FunnelStep
from tasks.report.novelty import Novelty
from tasks.screen.guessable import Guessable


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rated(_Value):
    """Rows with one rounded mean rating: those that passed the gate, and those that did not."""

    difficulty: float
    kept: int
    dropped: int


class Bin(_Value):
    """Solutions of at least `low` and less than `high` tokens: of rows in the data set, and of others."""

    low: int
    high: int
    released: int
    others: int


class Paid(_Value):
    """What one stage had paid in one span of time, which begins at `at_ms` (Unix milliseconds)."""

    stage: str
    at_ms: int
    microusd: int


class OfStage(_Value):
    """What one stage asked and paid; `card_ms` is useful time of own engines' cards."""

    stage: str
    replies: int
    errors: int
    tokens: int
    microusd: int
    card_ms: int


class Hours(_Value):
    """The hours of one endpoint's own engines."""

    endpoint: str
    model: str
    cards: int
    split: Split


class Example(_Value):
    """A row: its question as it was last written, and what a stage noted about it."""

    row: str
    stage: str
    verdict: str
    reason: str
    question: str
    notes: dict[str, str]


class ModelOf(_Value):
    """Who filled a role."""

    role: str
    name: str
    identity: str


class Facts(_Value):
    """A run, finished or not."""

    run: str
    recipe: str
    rehearsal: bool
    finished: bool
    dataset: str | None
    """Its folder's name, once it is published."""
    rows: int
    """In the data set; of an unfinished run, those that are through all stages so far."""
    shards: int
    shards_done: int
    as_of_ms: int | None
    """Of the run's last event in the ledger, in Unix milliseconds."""
    models: list[ModelOf]
    funnel: list[FunnelStep]
    difficulty: list[Rated]
    gate: float | None
    spread: dict[float, int]
    """Rows by the standard deviation of their ratings, to one place."""
    topics: dict[str, int]
    answer_types: dict[str, int]
    guessable: Guessable
    """Of the rows in the data set, whose final answers can be guessed."""
    solution_tokens: list[Bin]
    contamination: Contamination | None
    questions: dict[str, int]
    """Questions of each benchmark, where they are known."""
    paid: list[OfStage]
    over_time: list[Paid]
    maybe_attempts: int
    maybe_microusd: int
    hours: list[Hours]
    examples: list[Example]
    novelty: list[Novelty]

    @property
    def microusd(self) -> int:
        return sum(one.microusd for one in self.paid)
