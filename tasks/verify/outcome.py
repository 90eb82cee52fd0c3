"""The answer to "are these two the same answer?": three-valued, with the rule that decided. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Pair = tuple[str, str] | tuple[str, str, str | None]
"""Two answers to one question, and the kind of answer it asks for where that is known."""


class Equality(StrEnum):
    """Whether two answers are the same. What nobody could tell is `undecided`, never `different`."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A verdict on a pair of answers, and the rule that gave it (with the verifier's version where one did)."""

    verdict: Equality
    rule: str


def equal(rule: str) -> Comparison:
    """Both sides are the same answer."""
    return Comparison(Equality.EQUAL, rule)


def different(rule: str) -> Comparison:
    """The sides are surely not the same answer."""
    return Comparison(Equality.DIFFERENT, rule)


def undecided(rule: str) -> Comparison:
    """This verifier cannot tell."""
    return Comparison(Equality.UNDECIDED, rule)
