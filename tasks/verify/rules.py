"""The exact rules that decide most pairs without sympy: same text, structure, numbers, set phrases. Cheap."""

from __future__ import annotations

import re

from tasks.verify import match, normal
from tasks.verify.answer import Answer, Formula, read
from tasks.verify.numbers import number, same_number
from tasks.verify.outcome import Comparison, different, equal, undecided

LONGEST = 2000  # characters of an answer that is looked at; beyond it only identity counts
_LETTER = re.compile(r"[A-Za-z]")
_LETTERS = re.compile(r"\\(?!cdot|times)[A-Za-z]+|(?<![\\A-Za-z])[A-Za-z]")


def quick(left: str, right: str, kind: str | None = None) -> Comparison | None:
    """The first exact rule that decides, or None where formulas must be parsed."""
    return decide(left, right, kind, _by_number)


def decide(left: str, right: str, kind: str | None, leaf: match.Leaf) -> Comparison | None:
    """Compare two answers to a question whose answer is of a kind, leaves by `leaf`."""
    if left.strip() == right.strip():
        return equal("same text") if left.strip() else undecided("empty")
    if max(len(left), len(right)) > LONGEST:
        return undecided(f"longer than {LONGEST} characters")
    a, b = normal.plain(left), normal.plain(right)
    if not a or not b:
        return undecided("empty")
    if normal.key(left) == normal.key(right):
        return equal("same text")
    return match.match(*_read_both(left, right), kind, leaf)


def _read_both(left: str, right: str) -> tuple[Answer, Answer]:
    """Both answers; a lone letter is a unit where the other side has one: 5 m against 5 cm."""
    a, b = read(left), read(right)
    units = [isinstance(side.node, Formula) and side.node.unit is not None for side in (a, b)]
    if units == [True, False]:
        return a, read(right, letter_units=True)
    return (read(left, letter_units=True), b) if units == [False, True] else (a, b)


def _by_number(left: str, right: str, _: frozenset[str] = frozenset()) -> Comparison | None:
    if left.replace(" ", "") == right.replace(" ", ""):
        return equal("same formula")
    a, b = number(left), number(right)
    if a and b:
        return same_number(a, b)
    letters = [_LETTER.fullmatch(side.strip()) is not None for side in (left, right)]
    if all(letters):
        return undecided("letter") if left.strip().lower() == right.strip().lower() else different("letter")
    if any(letters) and "e" in (left.strip(), right.strip()) and (a or b):
        return None  # 2.71828182845904
    if any(letters):  # a choice's letter, or a constant: only the question tells
        return None if set(_LETTERS.findall(left)) == set(_LETTERS.findall(right)) else undecided("letter")
    return None


def full(left: str, right: str, kind: str | None = None) -> Comparison:
    """`quick`, and for what it leaves open the values of formulas: unbounded in time and memory."""
    from tasks.verify.symbolic import symbolic  # sympy takes seconds to import, and most pairs do without

    def leaf(one: str, other: str, free: frozenset[str]) -> Comparison:
        return _by_number(one, other) or symbolic(one, other, free)

    found = decide(left, right, kind, leaf)
    return found if found is not None else undecided("unproved")
