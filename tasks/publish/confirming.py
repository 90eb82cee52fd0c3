"""Does a row's final answer still follow from its solutions, and from the source's answer? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.verify.extract import alternatives, final_answer
from tasks.verify.outcome import Comparison, Equality

Pair = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class Word:
    """What looking again says of a row: the answer holds, or is surely wrong, or nobody can tell; and why."""

    refuted: bool = False
    undecided: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What of a whole row is compared again: its final answer, the kind of answer, its solutions' answers, and the
    forms of the source's answer where the row was kept by it."""

    final: str
    kind: str | None
    answers: tuple[str | None, ...]
    sources: tuple[str, ...]
    needed: int
    """How many of the answers must equal the final one."""
    judged: bool
    """Whether a judge decided what rules left undecided; its word holds, and is in the row's evidence."""

    def pairs(self) -> list[Pair]:
        """The final answer with each other answer, then with the source's forms."""
        others = dict.fromkeys((*self.answers, *self.sources))
        return [(self.final, other, self.kind) for other in others if other is not None and other != self.final]

    def verdict(self, other: str | None, known: Mapping[Pair, Comparison]) -> Equality:
        """Whether an answer equals the final one; a solution without an answer does not."""
        if other is None:
            return Equality.DIFFERENT
        found = Equality.EQUAL if other == self.final else known[self.final, other, self.kind].verdict
        return Equality.EQUAL if self.judged and found is Equality.UNDECIDED else found


def case(row: Mapping[str, Any]) -> Case:
    """Read a whole row, by what the verify stage wrote of it (`kept_by`, `verify_rule`)."""
    kept_by = row.get("kept_by") or "unanimity"
    second: Sequence[str] = row.get("second_solutions") or ()
    texts = [*row["solutions"], *(second if kept_by.startswith("cross_family") else ())]
    answers = [final_answer(text) for text in texts]
    by_source = kept_by.endswith("and source")
    return Case(
        final=row["final_answer"].strip(),
        kind=row.get("answer_type"),
        answers=tuple(one.strip() if one is not None else None for one in answers),
        sources=tuple(form.strip() for form in alternatives(row.get("source_answer"))) if by_source else (),
        needed=len(row["solutions"]) // 2 + 1 if kept_by.startswith("majority") else len(texts),
        judged="judge" in (row.get("verify_rule") or ""),
    )


def confirmed(one: Case, known: Mapping[Pair, Comparison]) -> Word:
    """Whether the final answer still holds; `known` has the comparisons of the case's pairs."""
    if one.final not in one.answers:
        return Word(refuted=True, why=f"its final answer {one.final!r} is that of none of its solutions")
    seen = [one.verdict(answer, known) for answer in one.answers]
    equal, undecided = seen.count(Equality.EQUAL), seen.count(Equality.UNDECIDED)
    if equal + undecided < one.needed:
        wrong = one.answers[seen.index(Equality.DIFFERENT)]
        return Word(refuted=True, why=f"its final answer is {one.final!r}, and that of a solution {wrong!r}")
    sources = {one.verdict(form, known) for form in one.sources}
    if sources == {Equality.DIFFERENT}:
        return Word(refuted=True, why=f"its final answer is {one.final!r}, and its source's is another")
    if equal < one.needed or (sources and Equality.EQUAL not in sources):
        return Word(undecided=True, why="an answer could not be compared again")
    return Word()
