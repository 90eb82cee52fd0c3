"""Which benchmarks there are, and whether a folder holds them whole. Pure.

A folder has one JSONL file per benchmark, `<name>.jsonl`, as `python -m flows benchmarks fetch` writes them and as
recipes name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.decontaminate.benchmarks import Benchmark, questions, tabulate
from tasks.errors import SourceError

REGISTRY = Path(__file__).with_name("registry.yaml")
COLUMN = "question"


class Known(BaseModel):
    """A benchmark as it is published, on the Hugging Face Hub or on GitHub."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    set: Literal["paper", "evaluated", "optional"]
    hub: str | None = Field(default=None, description="Hugging Face dataset, owner/name")
    github: str | None = Field(default=None, description="GitHub repository, owner/name")
    revision: str | None = Field(
        pattern=r"^[0-9a-f]{40}$",  # neither of them takes a shortened one
        description="Its commit; None: what is there on the day of fetching",
    )
    split: str | None
    files: tuple[str, ...] = Field(min_length=1, description="Paths inside it, on the Hub globs too")
    column: str = Field(min_length=1, description='Column that holds the question; "*.c": c of each object in a row')
    ends_at: str | None = Field(default=None, description="From here on a text is no part of the question")
    rows: int | None = Field(ge=1, description="Questions in it")
    licence: str | None
    seen: str = Field(pattern="^https://", description="Where the facts were read")

    @property
    def place(self) -> str:
        return self.hub or str(self.github)

    @model_validator(mode="after")
    def _lies_in_one_place(self) -> Self:
        if (self.hub is None) == (self.github is None):
            raise ValueError("either a hub dataset or a github repository")
        if self.github and not self.revision:
            raise ValueError(f"{self.github}: files of GitHub are read at a commit; name its revision")
        return self


class Verified(BaseModel):
    """What a folder holds of a benchmark. `digest` is that of its questions, as a stage's fingerprint has it."""

    name: str
    verdict: Literal["whole", "other_count", "not_there", "unreadable", "unknown_count"]
    rows: int | None = None
    expected: int | None = None
    digest: str | None = None
    words: str = ""


def registry() -> Mapping[str, Known]:
    """All benchmarks by name, in the file's order."""
    given = yaml.safe_load(REGISTRY.read_text(encoding="utf-8"))
    return {name: Known.model_validate(one) for name, one in given.items()}


def verify(name: str, known: Known, content: bytes | None) -> Verified:
    """Hold the content of a benchmark's file, None if there is none, against the registry."""
    if content is None:
        return Verified(name=name, verdict="not_there", expected=known.rows)
    benchmark = Benchmark(name=name, path=f"{name}.jsonl", column=COLUMN)
    try:
        rows = sum(1 for _ in questions(benchmark, content))
    except SourceError as fault:
        return Verified(name=name, verdict="unreadable", expected=known.rows, words=str(fault))
    digest = tabulate([(benchmark, content)]).digest
    counted: Literal["whole", "other_count"] = "whole" if rows == known.rows else "other_count"
    verdict = counted if known.rows is not None else "unknown_count"
    return Verified(name=name, verdict=verdict, rows=rows, expected=known.rows, digest=digest)
