"""The questions that no row may repeat: benchmark files, read into one table. Pure.

A benchmark is a JSONL file with a column of questions. Its content enters the stage's fingerprint through the
table's digest, so a changed file is a changed stage.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import RecipeError, SourceError, StorageError
from tasks.rows.fingerprint import digest
from tasks.rows.normal_form import normal_form


class Benchmark(BaseModel):
    """One benchmark file of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$", description="Name that rows are reported under")
    path: str = Field(min_length=1, description="JSONL file: a local path or any fsspec URL")
    column: str = Field(default="question", min_length=1, description="Column that holds the question")


class Neighbour(TypedDict):
    """A benchmark question near a row: cosine similarity in [-1, 1], and what the texts alone prove.

    `proof` is a `proof.Proof`, or None where only a judge can tell.
    """

    benchmark_id: str
    benchmark: str
    question: str
    score: float
    proof: str | None


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One question. Where several benchmarks hold it, `benchmark` names all of them, joined by "+"."""

    benchmark_id: str
    benchmark: str
    question: str


@dataclass(frozen=True)
class BenchmarkTable:
    """All questions, sorted by id, each once (by `exact.normal_form`)."""

    entries: tuple[Entry, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the table's content, 64 hex digits."""
        return digest([(entry.benchmark_id, entry.benchmark, entry.question) for entry in self.entries])


def load(benchmarks: Sequence[Benchmark], read: Callable[[str], bytes]) -> BenchmarkTable:
    """The table of all `benchmarks`; `read` gives a file's bytes from its path.

    Raises `RecipeError` where a file is not there, `SourceError` where its content is not a benchmark.
    """
    return tabulate((benchmark, _read(benchmark, read)) for benchmark in benchmarks)


def tabulate(files: Iterable[tuple[Benchmark, bytes]]) -> BenchmarkTable:
    """The table of all questions in `files`; neither the files' order nor the lines' order bears on it.

    An id is "<first benchmark by name>/<12 hex digits of the question's normal form>".
    Raises `SourceError` naming file and line.
    """
    texts: dict[str, set[str]] = {}
    names: dict[str, set[str]] = {}
    for benchmark, content in files:
        for question in questions(benchmark, content):
            form = normal_form(question)
            texts.setdefault(form, set()).add(question)
            names.setdefault(form, set()).add(benchmark.name)
    return BenchmarkTable(
        tuple(
            sorted(
                Entry(f"{min(names[form])}/{_short(form)}", "+".join(sorted(names[form])), min(texts[form]))
                for form in texts
            )
        )
    )


def questions(benchmark: Benchmark, content: bytes) -> Iterator[str]:
    """The questions of one file, in its order. Raises `SourceError` naming file and line."""
    empty = True
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            empty = False
            yield _question(benchmark, line, f"benchmark {benchmark.name}: {benchmark.path}, line {number}")
    if empty:
        raise SourceError(f"benchmark {benchmark.name}: {benchmark.path} is empty; give a file with questions")


def _question(benchmark: Benchmark, line: bytes, place: str) -> str:
    try:
        row = json.loads(line)
    except ValueError as fault:
        raise SourceError(f"{place}: not a JSON object ({fault}); one object a line is expected") from fault
    if not isinstance(row, dict):
        raise SourceError(f"{place}: not a JSON object but a {type(row).__name__}; one object a line is expected")
    if benchmark.column not in row:
        raise SourceError(
            f"{place}: no column {benchmark.column!r}, only {sorted(row)}; set the benchmark's `column`"
        )
    question = row[benchmark.column]
    if not isinstance(question, str) or not normal_form(question):
        raise SourceError(f"{place}: column {benchmark.column!r} holds no question but {question!r}")
    return question.strip()


def _read(benchmark: Benchmark, read: Callable[[str], bytes]) -> bytes:
    try:
        return read(benchmark.path)
    except (FileNotFoundError, IsADirectoryError, StorageError) as fault:
        raise RecipeError(
            f"benchmark {benchmark.name}: cannot read {benchmark.path} ({fault}); correct its `path`"
        ) from fault


def _short(form: str) -> str:
    return hashlib.sha256(form.encode("utf-8", "surrogatepass")).hexdigest()[:12]
