"""What bears on the stage's verdicts, beside the benchmarks' content and the judge. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tasks.decontaminate.benchmarks import Benchmark
from tasks.embedding.embed import EmbedderSettings


class Settings(BaseModel):
    """A recipe's settings of the stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    benchmarks: tuple[Benchmark, ...] = Field(min_length=1, description="Benchmarks that no row may repeat")
    embedder: EmbedderSettings = Field(default=EmbedderSettings(), description="Model that finds the neighbours")
    k: int = Field(default=5, ge=1, description="Neighbours looked up for each text of a row")
    policy: Literal["same_problem", "same_template"] = Field(
        default="same_problem",
        description="What a row may not be: a benchmark's problem, or also one that differs from it in numbers only",
    )
    orders: Literal["both", "second_if_needed", "one"] = Field(
        default="both",
        description="Judge a pair again with the texts swapped: always, unless the first says same, never",
    )
    first: Literal["pairs", "together"] = Field(
        default="pairs",
        description="The first order of all pairs: asked pair by pair, or with one call about all neighbours",
    )
    similarity_floor: float | None = Field(
        default=None, ge=-1, le=1, description="Neighbours of lower cosine are not judged; null: all are (the paper)"
    )
    max_tokens: int = Field(default=1024, ge=1, description="Length limit of a judgement, in tokens")

    @field_validator("benchmarks")
    @classmethod
    def _names_differ(cls, benchmarks: tuple[Benchmark, ...]) -> tuple[Benchmark, ...]:
        names = [benchmark.name for benchmark in benchmarks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"benchmark names must differ, but {twice} occur more than once")
        return benchmarks

    @model_validator(mode="after")
    def _told_together(self) -> Settings:
        if self.first == "together" and self.policy != "same_problem":
            raise ValueError(
                f"first: together asks for policy same_problem only, not {self.policy}; use first: pairs"
            )
        return self
