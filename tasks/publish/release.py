"""What a data set says of itself, beside its rows: counted while they are written. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tasks.models.prices import Price
from tasks.rows.manifest import Manifest, summed
from tasks.rows.verdict import Verdict
from tasks.screen.guessable import NONE, Guessable
from tasks.screen.guessable import counted as guessable
from tasks.stage import PlannedStage


class Release(BaseModel):
    """What was run: shipped along as `recipe.json`. Holds nothing that does not bear on the rows, no address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    models: dict[str, str] = Field(description="Every role and the identity of the model that filled it")
    sources: list[dict[str, Any]] = Field(
        default_factory=list, description="What the sources are, not where they lie"
    )
    stages: tuple[PlannedStage, ...] = ()
    prices: dict[str, Price] = Field(default_factory=dict, description="Price lines of the models, by name")
    prompts: dict[str, str] = Field(default_factory=dict, description="Prompts as they were, by <stage>/<file>")

    limits: tuple[str, ...] = Field(
        default=(), description="What is known to be estimated in this run, a sentence each"
    )

    @property
    def is_rehearsal(self) -> bool:
        """Whether any of the models was one."""
        return any(model.startswith("rehearsal/") for model in self.models.values())


class Step(BaseModel):
    """One line of the funnel, with what its replies cost."""

    stage: str
    rows_in: int
    kept: int
    dropped: dict[str, int]
    quarantined: dict[str, int]
    requests: int = 0
    microusd: int = 0


@dataclass
class Counts:
    """Released rows, counted as they go by."""

    rows: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    sources: Counter[tuple[str, str]] = field(default_factory=Counter)
    difficulty: Counter[float] = field(default_factory=Counter)
    answer_types: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    kept_by: Counter[str] = field(default_factory=Counter)
    guessable: Guessable = NONE

    def add(self, rows: pl.DataFrame, split: str) -> None:
        """Count released rows of a split."""
        self.rows += rows.height
        self.guessable += guessable(rows["final_answer"])
        self.splits[split] += rows.height
        self.sources.update({(source, licence): n for source, licence, n in _counted(rows, "source", "licence")})
        self.difficulty.update(dict(_counted(rows, "difficulty_rounded")))
        self.answer_types.update({str(kind or UNSAID): n for kind, n in _counted(rows, "answer_type")})
        self.kept_by.update({str(rule or UNSAID): n for rule, n in _counted(rows, "kept_by")})
        second = rows.with_columns(pl.col("topic").str.split(" -> ").list.get(1, null_on_oob=True))
        self.domains.update({str(domain or UNSAID): n for domain, n in _counted(second, "topic")})


UNSAID = "(not said)"


def _counted(rows: pl.DataFrame, *names: str) -> list[tuple[Any, ...]]:
    if not set(names) <= set(rows.columns):
        return []
    return rows.group_by(names).len().rows()


def steps(chains: Sequence[Sequence[Manifest]], costs: Mapping[tuple[int, str], tuple[int, int]]) -> list[Step]:
    """The funnel of a run's shards: collect, then its stages in order.

    `chains` are per shard and begin with the shard's intake; `costs` has requests and micro-dollars by a stage's
    place in its chain and its name.
    """
    intakes = {chain[0].digest: chain[0] for chain in chains}
    columns = [list(intakes.values()), *([chain[i] for chain in chains] for i in range(1, len(chains[0])))]
    return [_step(column, *costs.get((i, column[0].stage), (0, 0))) for i, column in enumerate(columns)]


def counted(stage: str, verdicts: pl.DataFrame) -> Step:
    """A stage's line of the funnel, from its verdicts."""
    groups = {(verdict, str(reason)): n for verdict, reason, n in verdicts.group_by("verdict", "reason").len().rows()}
    return Step(
        stage=stage,
        rows_in=verdicts.height,
        kept=sum(n for (verdict, _), n in groups.items() if verdict == Verdict.KEEP),
        dropped={reason: n for (verdict, reason), n in sorted(groups.items()) if verdict == Verdict.DROP},
        quarantined={reason: n for (verdict, reason), n in sorted(groups.items()) if verdict == Verdict.QUARANTINE},
    )


def _step(manifests: Sequence[Manifest], requests: int, microusd: int) -> Step:
    return Step(requests=requests, microusd=microusd, **summed(manifests))
