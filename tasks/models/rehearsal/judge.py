"""Are two texts the same problem? The cheapest rule that splits labelled pairs usefully.

A problem that is told again has the same numbers in other words; a variant has nearly the same words, and one
number or word is another. So equal numbers and some common words speak for the same problem, and texts that agree
almost word for word, but are not equal, are beyond a rule. Numbers of two digits tell much: with one of them a third
of the words will do, and 1 and 2 may be "a", "both" or "twice". Without one, each number must occur as often in both
texts, and more than half of the words be shared.

Thresholds were fitted on half of 3,488 labelled pairs (rephrasings by language models and people, number variants,
neighbours); `python -m tasks.decontaminate.evaluate --split held-out` measures them on the other half.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from tasks.models.rehearsal.words import numbers, similarity, strokes, tokens

Verdict = Literal["same", "unsure", "different"]

TELLING = 10
"""Numbers from here on tell problems apart."""
SAME_WITH_TELLING = 0.35
SAME = 0.55
"""Dice coefficients of the sets of words, with a telling number and without."""
UNSURE = 0.1
"""Width of the band below them."""
WORD_FOR_WORD = 0.92


def judge(problem_1: str, problem_2: str) -> dict[str, Any]:
    """`verdict` same, unsure or different, with the measurements; the texts' order does not bear on it."""
    one, other = tokens(problem_1), tokens(problem_2)
    alike = similarity(one, other)
    if alike >= WORD_FOR_WORD and strokes(problem_1) == strokes(problem_2):
        verdict: Verdict = "same"
    else:
        verdict = _verdict(one, other, alike)
    same_data = _data(one) == _data(other)
    share = f"{alike:.2f} of the words are shared and the numbers are {'the same' if same_data else 'others'}"
    return {"reason": f"rehearsal rule: {share}", "verdict": verdict}


def judge_all(problems: Sequence[str]) -> dict[str, Any]:
    """`verdicts`: of the first problem with each of the others, whose numbers start at 2."""
    first, *others = problems
    return {"verdicts": [{"number": i, **judge(first, other)} for i, other in enumerate(others, start=2)]}


def _verdict(one: Collection[str], other: Collection[str], alike: float) -> Verdict:
    data, others = _data(one), _data(other)
    if data != others:
        return "different"
    telling = any(number >= TELLING for number in data)
    if not telling and numbers(one) != numbers(other):
        return "different"
    if alike >= WORD_FOR_WORD:
        return "unsure"
    enough = SAME_WITH_TELLING if telling else SAME
    if alike >= enough:
        return "same"
    return "unsure" if alike >= enough - UNSURE else "different"


def _data(found: Collection[str]) -> frozenset[float]:
    """The numbers that a text gives, without 1 and 2."""
    return frozenset(float(number) for number in numbers(found)) - {1.0, 2.0}
