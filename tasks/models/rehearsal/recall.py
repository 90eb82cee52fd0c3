"""Which recorded problem a text asks: exact, else the most similar one above a threshold.

The score is the lower of two Dice coefficients: of the words, and of runs of four characters (which see
the formulas), both weighted by inverse document frequency. A candidate must have the same numbers, as
sets: problems that differ by one modulus are other problems.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from math import log

from tasks.models.rehearsal.champ import ChampProblem, problems
from tasks.models.rehearsal.words import numbers, similarity, strokes, tokens

THRESHOLD = 0.4
"""Below it, nothing is recalled. Measured: rewordings of recorded problems score 0.46 and more, the other
problems of six public competition sets 0.35 and less."""


@dataclass(frozen=True, slots=True)
class _Entry:
    problem: ChampProblem
    words: frozenset[str]
    strokes: frozenset[str]
    numbers: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Index:
    by_text: dict[str, ChampProblem]
    entries: tuple[_Entry, ...]
    word_weight: dict[str, float]
    stroke_weight: dict[str, float]


@cache
def _index() -> _Index:
    entries = tuple(_entry(problem) for problem in problems())
    return _Index(
        by_text={_squeezed(problem.text): problem for problem in problems()},
        entries=entries,
        word_weight=_rarity(entry.words for entry in entries),
        stroke_weight=_rarity(entry.strokes for entry in entries),
    )


def _entry(problem: ChampProblem) -> _Entry:
    words = tokens(problem.text)
    return _Entry(problem, frozenset(words), strokes(problem.text), frozenset(numbers(words)))


def _rarity(documents: Iterable[frozenset[str]]) -> dict[str, float]:
    """Inverse document frequency of every member."""
    every = list(documents)
    spread = Counter(member for document in every for member in document)
    return {member: log(1 + len(every) / times) for member, times in spread.items()}


def _squeezed(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=4096)
def recall(text: str) -> ChampProblem | None:
    """The recorded problem that `text` asks, or None."""
    if known := _index().by_text.get(_squeezed(text)):
        return known
    score, best = closest(text)
    return best if score >= THRESHOLD else None


def closest(text: str) -> tuple[float, ChampProblem | None]:
    """The most similar recorded problem with the same numbers, and its score 0..1; ties: the first."""
    index, asked, runs = _index(), tokens(text), strokes(text)
    wanted = set(numbers(asked))
    scored = [
        (
            min(
                similarity(entry.words, asked, index.word_weight),
                similarity(entry.strokes, runs, index.stroke_weight),
            ),
            entry.problem,
        )
        for entry in index.entries
        if entry.numbers == wanted
    ]
    return max(scored, key=lambda pair: pair[0], default=(0.0, None))
