"""Do all solutions of a problem, and its source, give the same answer? The decision for rows.

The rule is unanimity (answer verification in DeepMath-103K, arXiv 2504.11456): every pair of the model's
answers, and every one of them with the source's answer where there is one. One pair that differs drops the row;
one that nobody can decide sets it aside. With `majority` it is enough that more than half of the solutions agree,
with each other and with the source; with `cross_family` the answers of a second solver must agree with all of them
too. A kept row says which rule kept it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any, Literal, Protocol

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tasks.rows.tables import Schema
from tasks.rows.verdict import Decision, drop, keep, quarantine
from tasks.verify import normal
from tasks.verify.extract import alternatives, final_answer, find
from tasks.verify.outcome import Comparison, Equality, Pair

VERSION = 4
"""To be raised with every change to extraction or to a verdict."""


class Settings(BaseModel):
    """What bears on the verdicts of the verify stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    solutions: int = Field(default=3, ge=1, description="solutions of a problem")
    agreement: Literal["unanimity", "majority", "cross_family"] = Field(
        default="unanimity",
        description="whether all of the solutions must agree, or more than half of them, or all of them and those of"
        " a second solver",
    )
    judge: bool = Field(
        default=False, description="whether role answer_judge is asked about pairs that rules leave undecided"
    )
    judge_max_tokens: int = Field(default=1024, ge=1, description="length limit of a judgement, in tokens")
    without_source: Literal["keep", "set_aside"] = Field(
        default="keep", description="what becomes of agreeing solutions whose source states no answer"
    )
    longest_answer: int = Field(default=300, ge=1, description="characters of an answer that can be checked")
    most_words: int = Field(default=8, ge=0, description="words of an answer that can be checked")
    cpu_seconds: int = Field(default=5, ge=1, description="CPU seconds that comparing one pair may take")
    memory_mib: int = Field(default=1024, ge=256, description="MiB of memory that comparing one pair may take")


class Reason(StrEnum):
    """Why the verify stage does not keep a row."""

    DISAGREEMENT = "disagreement"
    """Dropped: two answers, or an answer and the source's, are surely different."""
    UNVERIFIABLE = "unverifiable"
    """Dropped: every answer is a text too long to be compared with anything."""
    UNDECIDED = "undecided"
    """Quarantined: a solution states no answer, or a pair of answers could not be decided."""
    NO_SOURCE_ANSWER = "no_source_answer"
    """Quarantined, where the settings ask for it: the solutions agree, and the source states no answer."""


COLUMNS: Schema = {
    "answers": pl.List(pl.String),
    "final_answer": pl.String,
    "agreed_with_source": pl.Boolean,
    "verify_rule": pl.String,
    "kept_by": pl.String,
    "second_answers": pl.List(pl.String),
}
"""The answer of each solution in order (None: it states none); the published one (None unless kept); whether the
source's answer was met (None: there is none, or nobody could tell); the rules behind the verdict; and what a kept
row was kept by: `unanimity`, `majority` or `cross_family`, with ` and source` where the source's answer was met; and
the answers of the second solver's solutions (None: they were not compared)."""

EVIDENCE: Mapping[str, Schema] = {
    "comparisons": {"left": pl.String, "right": pl.String, "verdict": pl.String, "rule": pl.String},
    "extractions": {"solution": pl.Int64, "answer": pl.String, "place": pl.String},
}
"""`comparisons`: one line for each pair, answers with each other, then each of the source's forms (left) with each
answer. `extractions`: one line for each solution, its answer and where it was found (None: none), then one for each
form of the source's answer, without a solution's number. The second solver's solutions are counted on from there."""


class Compares(Protocol):
    """What decides pairs of answers, such as `tasks.verify.pool.Verifier`."""

    def compare_all(self, pairs: Sequence[Pair]) -> list[Comparison]: ...


Table = Mapping[tuple[str, str], Comparison]
"""Comparisons of one row's answers, by sorted pair."""


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to compare in one row: the answer of each solution (None: it states none), the forms of the
    source's, the kind of answer that the question asks for, where screening said it, where each was found (the
    second solver's last), and the answers of a second solver, where they bear on the row."""

    answers: tuple[str | None, ...]
    source: tuple[str, ...]
    kind: str | None = None
    places: tuple[str | None, ...] = ()
    second: tuple[str | None, ...] = ()

    @property
    def every(self) -> tuple[str | None, ...]:
        """The answers of both solvers."""
        return (*self.answers, *self.second)

    @property
    def stated(self) -> tuple[str, ...]:
        """The answers that were stated."""
        return tuple(answer for answer in self.every if answer is not None)

    def pairs(self) -> list[tuple[str, str]]:
        """Every pair that bears on the row: answers with each other, then the source's forms with each answer."""
        return [*combinations(self.stated, 2), *((form, answer) for answer in self.stated for form in self.source)]


def case(row: Mapping[str, Any], *, second: bool = False) -> Case:
    """Read `solutions` (list[str]), `source_answer` (str | None) and, if there, `answer_type` of a row; and its
    `second_solutions` if those of the `second` solver bear on it."""
    own = len(row["solutions"])
    found = [find(text) for text in (*row["solutions"], *((second and row.get("second_solutions")) or ()))]
    answers = tuple(one.answer if one else None for one in found)
    return Case(
        answers=answers[:own],
        second=answers[own:],
        source=alternatives(row["source_answer"]),
        kind=row.get("answer_type"),
        places=tuple(one.place if one else None for one in found),
    )


def decide_rows(rows: Sequence[Mapping[str, Any]], verifier: Compares, settings: Settings) -> list[Decision]:
    """One decision per row, in their order. Each distinct pair of answers is compared once."""
    return [decide(*each, settings) for each in cases(rows, verifier, settings)]


def cases(rows: Sequence[Mapping[str, Any]], verifier: Compares, settings: Settings) -> list[tuple[Case, Table]]:
    """What there is to compare in each row, and the comparisons."""
    every = [case(row, second=settings.agreement == "cross_family") for row in rows]
    return list(zip(every, compared(every, verifier), strict=True))


def compared(cases: Sequence[Case], verifier: Compares) -> list[Table]:
    """The comparisons that bear on each case. Each distinct pair of answers of a kind is compared once."""
    wanted = dict.fromkeys((min(pair), max(pair), each.kind) for each in cases for pair in each.pairs())
    pairs: list[Pair] = list(wanted)
    known = dict(zip(wanted, verifier.compare_all(pairs), strict=True))
    return [
        {(left, right): seen for (left, right, kind), seen in known.items() if kind == each.kind} for each in cases
    ]


def decide(case: Case, table: Table, settings: Settings) -> Decision:
    """Decide one row from the comparisons of its pairs (`table`, keyed by sorted pair)."""
    found = [(left, right, _look_up(table, left, right)) for left, right in case.pairs()]
    evidence: dict[str, Sequence[Mapping[str, Any]]] = {
        "comparisons": [
            {"left": left, "right": right, "verdict": str(seen.verdict), "rule": seen.rule}
            for left, right, seen in found
        ],
        "extractions": [
            *(
                {"solution": index, "answer": answer, "place": place}
                for index, (answer, place) in enumerate(zip(case.every, case.places, strict=True))
            ),
            *({"solution": None, "answer": form, "place": "source"} for form in case.source),
        ],
    }
    with_source = _with_sources(case, table)
    seen = bearing(case, table)
    verdicts = {comparison.verdict for comparison in seen}
    columns: dict[str, Any] = {
        "answers": list(case.answers),
        "final_answer": None,
        "agreed_with_source": _all_equal(with_source),
        "verify_rule": _rule(seen),
        "kept_by": None,
        "second_answers": list(case.second) or None,
    }
    if case.stated and not any(_checkable(answer, settings) for answer in case.stated):
        return drop(Reason.UNVERIFIABLE, columns, evidence)
    agreeing: Sequence[str] = ()
    if verdicts <= {Equality.EQUAL} and _complete(case, settings):
        agreeing = case.stated
    elif settings.agreement == "majority":
        agreeing = _majority(case, table, settings.solutions)
        columns["agreed_with_source"] = True if agreeing and case.source else columns["agreed_with_source"]
    if not agreeing:
        differ = Equality.DIFFERENT in verdicts and not _may_still_agree(case, table, settings)
        return (
            drop(Reason.DISAGREEMENT, columns, evidence)
            if differ
            else quarantine(Reason.UNDECIDED, columns, evidence)
        )
    if not case.source and settings.without_source == "set_aside":
        return quarantine(Reason.NO_SOURCE_ANSWER, columns, evidence)
    answer = best_formed(agreeing, rounded="rounding" in columns["verify_rule"])
    if answer is None:
        return drop(Reason.UNVERIFIABLE, columns, evidence)
    rule = "majority" if agreeing != case.stated else "cross_family" if case.second else "unanimity"
    kept_by = rule + (" and source" if case.source else "")
    return keep(columns | {"final_answer": answer, "kept_by": kept_by}, evidence)


def hoped(table: Table) -> Table:
    """The comparisons as they would be if every undecided pair were equal."""
    return {
        pair: Comparison(Equality.EQUAL, seen.rule) if seen.verdict is Equality.UNDECIDED else seen
        for pair, seen in table.items()
    }


def undecided_pairs(case: Case, table: Table) -> list[tuple[str, str]]:
    """The sorted pairs that nobody could decide and that bear on the row, each once: a form of the source's only
    where the answer meets no other form."""
    sources = [
        (form, answer)
        for answer in case.stated
        if case.source and _with_source(case.source, answer, table).verdict is Equality.UNDECIDED
        for form in case.source
    ]
    every = sorted({(min(pair), max(pair)) for pair in (*combinations(case.stated, 2), *sources)})
    return [pair for pair in every if table[pair].verdict is Equality.UNDECIDED]


def _complete(case: Case, settings: Settings) -> bool:
    """Whether every answer is there that must be."""
    asked = bool(case.second) or settings.agreement != "cross_family"
    return asked and None not in case.every and len(case.answers) == settings.solutions


def _may_still_agree(case: Case, table: Table, settings: Settings) -> bool:
    """Whether a majority is open though two answers differ."""
    return settings.agreement == "majority" and bool(_majority(case, hoped(table), settings.solutions))


def bearing(case: Case, table: Table) -> list[Comparison]:
    """What unanimity rests on: each two answers, and each answer with the form of the source's that meets it best."""
    return [*(_look_up(table, *pair) for pair in combinations(case.stated, 2)), *_with_sources(case, table)]


def _with_sources(case: Case, table: Table) -> list[Comparison]:
    return [_with_source(case.source, answer, table) for answer in case.stated] if case.source else []


def _majority(case: Case, table: Table, solutions: int) -> Sequence[str]:
    """The largest set of stated answers that equal each other and the source's, if more than half of `solutions`."""
    for size in range(len(case.stated), solutions // 2, -1):
        for some in combinations(case.stated, size):
            pairs = [_look_up(table, *pair) for pair in combinations(some, 2)]
            pairs += [_with_source(case.source, answer, table) for answer in some] if case.source else []
            if all(seen.verdict is Equality.EQUAL for seen in pairs):
                return some
    return ()


def best_formed(answers: Sequence[str], *, rounded: bool = False) -> str | None:
    r"""Of answers that agree, the one to publish: the shortest, and of these the first in the alphabet; where some
    agree by rounding only, before all others one without a decimal point.

    Only an answer that comes back unchanged from a `\boxed{}` can be published; None where none does.
    """
    sound = [answer.strip() for answer in answers if final_answer(rf"\boxed{{{answer.strip()}}}") == answer.strip()]
    return min(sound, key=lambda answer: (rounded and "." in answer, len(answer), answer), default=None)


def _look_up(table: Table, left: str, right: str) -> Comparison:
    return table[min(left, right), max(left, right)]


def _with_source(forms: Sequence[str], answer: str, table: Table) -> Comparison:
    """The source's answer is met by any of its forms; it is missed only where every form surely differs."""
    seen = [_look_up(table, form, answer) for form in forms]
    order = [Equality.EQUAL, Equality.UNDECIDED, Equality.DIFFERENT]
    return min(seen, key=lambda comparison: order.index(comparison.verdict))


def _all_equal(seen: Sequence[Comparison]) -> bool | None:
    verdicts = {comparison.verdict for comparison in seen}
    if Equality.DIFFERENT in verdicts:
        return False
    return True if verdicts == {Equality.EQUAL} else None


def _rule(seen: Sequence[Comparison]) -> str:
    """The rules behind the verdict: of the pairs that differ, else of the undecided, else of all."""
    for verdict in (Equality.DIFFERENT, Equality.UNDECIDED, Equality.EQUAL):
        rules = sorted({comparison.rule for comparison in seen if comparison.verdict is verdict})
        if rules:
            return "; ".join(rules)
    return "nothing to compare"


def _checkable(answer: str, settings: Settings) -> bool:
    words = re.findall(r"(?<!\\)\b[^\W\d_]{3,}", normal.plain(answer[: settings.longest_answer]))
    return len(answer) <= settings.longest_answer and len(words) <= settings.most_words
