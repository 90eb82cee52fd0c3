r"""Problem texts as words, numbers and strokes, for rules that compare two of them.

LaTeX and plain notation of the same thing come out alike: x^{10}, x^(10) and $x^{10}$ are all x, 10, and
\frac{a}{b+c} and a/(b+c) are both the strokes a/b+c.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from math import fsum

_NUMBER_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
_TOKEN = re.compile(r"[a-z]+|\d+(?:,\d{3})*(?:\.\d+)?")
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_SIGNS = {
    r"\leq": "<=", r"\le": "<=", "≤": "<=", r"\geq": ">=", r"\ge": ">=", "≥": ">=", "−": "-", "–": "-",
    r"\lfloor": "floor", "⌊": "floor", r"\binom": "C", r"\sqrt": "sqrt", "√": "sqrt", r"\pi": "pi", "π": "pi",
    r"\bmod": "mod", r"\pmod": "mod", r"\mod": "mod",
}  # fmt: skip
_SIGN = re.compile("|".join(re.escape(sign) + (r"(?![a-z])" if sign[0] == "\\" else "") for sign in _SIGNS))
_COMMAND = re.compile(r"\\[a-zA-Z]+")
_KEPT = re.compile(r"[^a-z0-9+\-/=<>|^!]")


def plain(text: str) -> str:
    """Lower case, without LaTeX: fractions as a/b, signs as ASCII, other commands gone."""
    text = unicodedata.normalize("NFKC", text)
    while (flat := _FRACTION.sub(r"\1/\2", text)) != text:
        text = flat
    return _COMMAND.sub(" ", _SIGN.sub(lambda sign: _SIGNS[sign.group()], text)).lower()


def tokens(text: str) -> list[str]:
    """Words and numbers in order; number words up to twelve count as numbers."""
    return [_NUMBER_WORDS.get(token, token).replace(",", "") for token in _TOKEN.findall(plain(text))]


def strokes(text: str, width: int = 4) -> frozenset[str]:
    """All runs of `width` characters, where only letters, digits and operators count as characters."""
    kept = _KEPT.sub("", plain(text))
    return frozenset(kept[start : start + width] for start in range(len(kept) - width + 1))


def numbers(found: Iterable[str]) -> Counter[str]:
    """The numbers among tokens, with how often each occurs."""
    return Counter(token for token in found if token[0].isdigit())


def similarity(one: Iterable[str], other: Iterable[str], weight: Mapping[str, float] | None = None) -> float:
    """Dice coefficient of two sets, 0..1; with `weight`, rare members count for more (unknown ones: the most)."""
    a, b = set(one), set(other)
    if not a or not b:
        return 0.0
    if weight is None:
        return 2 * len(a & b) / (len(a) + len(b))
    most = max(weight.values(), default=1.0)

    def mass(found: set[str]) -> float:
        return fsum(weight.get(member, most) for member in found)

    return 2 * mass(a & b) / (mass(a) + mass(b))
