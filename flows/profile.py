"""What a source is worth a look for, before anything of it is paid for: `python -m flows profile RECIPE`.

Everything here is free: rows, licences, answers, exact duplicates inside and against the sources before, what rules
alone would screen out, and what texts alone prove of benchmarks. Rows are read as a stream; of each that went by 16
bytes are remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from pydantic import BaseModel, Field

from tasks import world
from tasks.collect.opening import rows as rows_of
from tasks.collect.source import RawRow, Source
from tasks.decontaminate.benchmarks import Benchmark, load
from tasks.decontaminate.proof import SAME_PROBLEM, ProofIndex
from tasks.rows.normal_form import normal_form
from tasks.rows.problem import normal_text
from tasks.screen.rules import screen
from tasks.verify.gold import unverifiable


class Profile(BaseModel):
    """One source. Counts are of rows; `screened`, `answers` and `contaminated` of rows that are no duplicates."""

    source: str
    rows: int = 0
    unreadable: int = 0
    empty: int = 0
    duplicates: int = Field(default=0, description="Of an earlier row of the same source, by normal form")
    elsewhere: int = Field(default=0, description="Of a row of a source before it")
    characters: int = Field(default=0, description="Of the questions that are left, together")
    licences: dict[str, int] = {}
    answers: dict[str, int] = Field(default={}, description="verifiable, none, or why agreement would prove nothing")
    screened: dict[str, int] = Field(default={}, description="By the reason of the rule that is sure")
    contaminated: int | None = Field(default=None, description="Proven to repeat a benchmark; None: none was given")

    @property
    def left(self) -> int:
        """Rows that a model would be asked about."""
        return self.rows - self.unreadable - self.empty - self.duplicates - self.elsewhere - self.screened_by_rules

    @property
    def screened_by_rules(self) -> int:
        """Rows that rules are sure of."""
        return sum(self.screened.values())


def profiles(sources: Sequence[Source], benchmarks: Sequence[Benchmark] = ()) -> list[Profile]:
    """A profile of each source, each held against those before it. Raises `SourceError`, `RecipeError`."""
    index = None
    if benchmarks:
        index = ProofIndex([entry.question for entry in load(benchmarks, world.read_outside).entries])
    taken: dict[bytes, int] = {}
    return [_profile(place, source, taken, index) for place, source in enumerate(sources)]


def _profile(place: int, source: Source, taken: dict[bytes, int], index: ProofIndex | None) -> Profile:
    """One source's; `taken` maps the forms seen so far to the place of their first source, and grows."""
    found = Profile(source=source.name, contaminated=None if index is None else 0)
    licences: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    screened: Counter[str] = Counter()
    for row in rows_of(source):
        found.rows += 1
        if row.fault is not None:
            found.unreadable += 1
            continue
        if not row.question.strip():
            found.empty += 1
            continue
        form = normal_form(row.question) or normal_text(row.question)
        known = blake2b(form.encode(), digest_size=16).digest()
        if known in taken:
            found.duplicates += taken[known] == place
            found.elsewhere += taken[known] != place
            continue
        taken[known] = place
        found.characters += len(row.question)
        licences[row.licence] += 1
        answers[_answer(row)] += 1
        if rule := screen(row.question, row.answer):
            screened[rule.reason.value] += 1
        if index is not None and any(proof in SAME_PROBLEM for proof in index.find(row.question).values()):
            found.contaminated = (found.contaminated or 0) + 1
    return found.model_copy(update={"licences": dict(licences), "answers": dict(answers), "screened": dict(screened)})


def _answer(row: RawRow) -> str:
    """Whether agreement with the source's answer would prove something."""
    return "none" if row.answer is None else unverifiable(row.answer) or "verifiable"
