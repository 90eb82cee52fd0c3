"""Whether a cleaned question is still the same question. Pure.

A model that rewrites a post may drop or add a number or a condition without saying so. What can be counted
cheaply must therefore stay: numbers (how often each occurs), letters that stand for quantities, relation
signs, and the words that carry conditions. What only the talk around the problem holds may go; nothing
that is not in the post may come.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from tasks.screen.markup import plain
from tasks.screen.text import core

_DIGIT_WORDS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
_NUMBER = re.compile(rf"\d+(?:,\d{{3}})*(?:\.\d+)?|\b(?:{'|'.join(_DIGIT_WORDS)})\b", re.IGNORECASE)
_SHORTHAND = re.compile(r"\b(?:e\.g|i\.e|a\.e|s\.t|p\.s)\b\.?|\b\w+['’](?:s|t|m|d|ll|ve|re)\b", re.IGNORECASE)
_FORMAT = re.compile(
    r"\\(?:begin|end|text(?:bf|it|rm)?|math\w+|operatorname)\s*\{[a-zA-Z*]{2,}\}|\\[A-Za-z]+(?![A-Za-z])|(?<=\{)[clr]{1,9}(?=\})"
)
_LETTER = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
_ARTICLES = frozenset("aAI")
_RELATIONS = {
    "<=": "≤", "\\leqslant": "≤", "\\leq": "≤", "\\le": "≤", ">=": "≥", "\\geqslant": "≥", "\\geq": "≥", "\\ge": "≥",
    "\\neq": "≠", "\\ne": "≠", "!=": "≠", "\\lt": "<", "\\gt": ">", "≤": "≤", "≥": "≥", "≠": "≠", "<": "<", ">": ">",
}  # fmt: skip
_RELATION = re.compile(
    "|".join(f"{re.escape(sign)}{'(?![a-z])' if sign[0] == chr(92) else ''}" for sign in _RELATIONS)
)
_CONDITION = re.compile(
    r"""\b(positive|negative|non-?negative|non-?zero|integer|natural|rational|irrational|real|complex|prime|composite
          |distinct|even|odd|consecutive|increasing|decreasing|continuous|differentiable|convex|coprime|at\ least
          |at\ most|exact|without|not|no|except|finite|infinite|random|independent|equilateral|isosceles|acute|obtuse
          |regular)(?:s|ly)?\b""",
    re.IGNORECASE | re.VERBOSE,
)
_TIGHT_FRACTION = re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)")


def quantities(text: str) -> Counter[str]:
    """What can be counted in a text: each number as often as it occurs, everything else once."""
    said = _SHORTHAND.sub(" ", _TIGHT_FRACTION.sub(r" \1 \2 ", unicodedata.normalize("NFKC", text)))
    numbers = Counter(_DIGIT_WORDS.get(n.lower(), n.replace(",", "")) for n in _NUMBER.findall(said))
    signs = {_RELATIONS[sign] for sign in _RELATION.findall(said)}
    letters = set(_LETTER.findall(_FORMAT.sub(" ", said))) - _ARTICLES
    conditions = {" ".join(word.lower().split()).replace("-", "") for word in _CONDITION.findall(said)}
    return numbers + Counter(signs | letters | conditions)


def lost(problem: str, question: str) -> list[str]:
    """What of the problem in a text the question has no longer, sorted; talk around the problem may go."""
    return sorted(quantities("\n".join(core(problem))) - quantities(plain(question)))


def gained(problem: str, question: str) -> list[str]:
    """What the question has that stands nowhere in the text, sorted."""
    return sorted(quantities(plain(question)) - quantities(plain(problem)))


def changes(post: str, question: str) -> tuple[str, ...]:
    """What the question lost (`-`) of the problem in the post, and what it has (`+`) that the post has not.

    >>> changes("Hi! Find all primes p < 20 with p = 2 mod 3. Thanks", "Find all p < 20 with p = 2 mod 5.")
    ('+5', '-3', '-prime')
    """
    if not question.strip():
        return ("-everything",)
    came, went = gained(post, question), lost(post, question)
    return tuple(sorted([*(f"-{token}" for token in went), *(f"+{token}" for token in came)]))
