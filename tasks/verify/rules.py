"""Exact rules that decide most pairs without sympy: same text, numbers, set phrases. Pure and cheap.

A rule that does not apply says nothing (None). Numbers are exact fractions of decimal digits, so that
0.0000001 and 0.0000002 differ, and 0.33 is neither 1/3 nor surely not 1/3: it may be its rounding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tasks.verify import normal
from tasks.verify.outcome import Comparison, different, equal, undecided

LONGEST = 2000  # characters of an answer that is looked at; beyond it only identity counts
_DIGITS = 400  # digits of a number, and the size of a power of ten, that exact arithmetic is used for

_INT = r"(?:\d{1,3}(?:[, ]\d{3})+|\d+)"
_DECIMAL = rf"(?:{_INT}(?:\.\d*)?|\.\d+|0,\d+)"
_POWER = r"(?:(?:\*|\\cdot|\\times)\s*10\s*(?:\^|\*\*)\s*\{?\(?(?P<power>[+-]?\d+)\)?\}?|[eE](?P<exp>[+-]?\d+))"
_NUMBER = re.compile(rf"(?P<sign>[+-]?)\s*(?P<digits>{_DECIMAL})\s*{_POWER}?\s*(?P<percent>%|percent)?")
_RATIO = re.compile(
    r"(?P<sign>[+-]?)\s*(?:(?P<whole>\d+)\s*(?=\\frac|\d+\s*/))?"
    r"(?:\\frac\s*(?:\{\s*(?P<a>[+-]?\d+)\s*\}|(?P<a1>\d))\s*(?:\{\s*(?P<b>\d+)\s*\}|(?P<b1>\d))"
    r"|(?P<a2>\d+)\s*/\s*(?P<b2>\d+))"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A rational number as written. `step` is the unit of its last decimal place, None where it is exact."""

    value: Fraction
    step: Fraction | None = None
    percent: bool = False


def number(bare: str) -> Number | None:
    """Read an integer, decimal, percentage, power-of-ten form, fraction or mixed number; None for anything else."""
    text = bare[1:-1].strip() if re.fullmatch(r"\([^()]*\)", bare) else bare
    if len(text) > _DIGITS:
        return None
    if match := _RATIO.fullmatch(text):
        return _ratio(match)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    power = int(match["power"] or match["exp"] or 0)
    if abs(power) > _DIGITS:
        return None
    digits = re.sub(r"^0,", "0.", match["digits"]).replace(",", "").replace(" ", "")
    percent = match["percent"] is not None
    scale = Fraction(10) ** power / (100 if percent else 1)
    value = Fraction(digits.rstrip(".") or "0") * scale
    places = len(digits.partition(".")[2])
    step = Fraction(1, 10**places) * scale if places else None
    return Number(-value if match["sign"] == "-" else value, step, percent)


def _ratio(match: re.Match[str]) -> Number | None:
    top = int(match["a"] or match["a1"] or match["a2"])
    bottom = int(match["b"] or match["b1"] or match["b2"])
    whole = int(match["whole"] or 0)
    if bottom == 0 or (match["whole"] and top < 0):
        return None
    value = whole + Fraction(top, bottom)
    return Number(-value if match["sign"] == "-" else value)


def same_number(a: Number, b: Number) -> Comparison:
    """Equal as fractions, with two allowances.

    A bare number may stand for a percentage (10% and 10). A decimal of four significant digits or more is taken
    for the fraction that it rounds (0.3333 and 1/3); a coarser one, or one decimal for another, decides nothing.
    """
    if a.value == b.value:
        return equal("number")
    if a.percent != b.percent and (a.value * 100 == b.value if a.percent else b.value * 100 == a.value):
        return equal("number: percent")
    for n, other in ((a, b), (b, a)):
        if n.step is not None and abs(a.value - b.value) <= n.step / 2:
            certain = other.step is None and abs(n.value) >= n.step * 1000
            return equal("number: rounding") if certain else undecided("number: rounding")
        if n.step is not None and other.value.denominator == 1 and abs(n.value - other.value) <= Fraction(1, 2):
            return undecided("number: rounding")
    return different("number")


_NOUN = r"(?:\w+[ -]){0,4}?(?:solutions?|values?|numbers?|roots?|zeros?|pairs?|triples?|integers?|primes?|functions?)"
_PHRASES = (
    ("none", rf"(?:there (?:are|is|exists?) )?no (?:such )?{_NOUN}(?: exists?)?(?: in \w+(?: \w+)?)?|none|no such"),
    ("none", r"(?:the )?empty set|\\emptyset|\\varnothing|\\\{\s*\\\}"),
    ("no limit", r"(?:the |this |that |such )?(?:\w+ ){0,3}(?:does not|doesn't|do not|don't) exist|dne"),
    (
        "impossible",
        r"(?:it |this |that )?(?:is )?(?:not possible|impossible)|such an? \w+ is (?:not possible|impossible)",
    ),
    ("infinite", rf"(?:there are )?infinitely many(?: {_NOUN})?|infinite(?:ly many)?"),
    ("yes", r"yes(?:[,.;:].*)?|true"),
    ("no", r"no(?:[,.;:].*)?|false"),
)
_MEANINGS = tuple((meaning, re.compile(pattern, re.I | re.S)) for meaning, pattern in _PHRASES)
_OPPOSED = ({"yes", "no"}, {"yes", "impossible"}, {"none", "infinite"})


def phrase(bare: str) -> str | None:
    """Which set phrase a `plain` text is: none, no limit, impossible, infinite, yes, no; else None."""
    text = re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", bare).strip()
    return next((meaning for meaning, pattern in _MEANINGS if pattern.fullmatch(text)), None)


# Two letters side by side are a product in mathematics; these pairs are words or units.
_SHORT = re.compile(
    r"an|as|at|be|by|do|if|in|is|it|no|of|on|or|so|to|up|us|we|cm|mm|km|kg|ml|ft|ha|hz|ms", re.IGNORECASE
)
_COMMAND = re.compile(r"\\(?:begin|end)\s*\{[a-z]*matrix\}|\\[A-Za-z]+")
_UNIT_LETTER = re.compile(r"[\d})]\s+[msghlLNJWVKF]$")
_KNOWN = {*normal.FUNCTIONS, *normal.GREEK, "sqrt", "mod", "sum", "xyz", "abc"}


def has_words(bare: str) -> bool:
    """Whether a `plain` text holds words, which a parser of formulas would read as products of letters."""
    if r"\text" in bare:
        return True
    runs = re.findall(r"[^\W\d_]{2,}", _COMMAND.sub(" ", bare))
    if runs == [bare] and bare not in _KNOWN:
        return True
    # In capitals two letters are more often a segment than a word: NO/BO.
    return any((len(run) > 2 and run not in _KNOWN) or (_SHORT.fullmatch(run) and not run.isupper()) for run in runs)


def quick(left: str, right: str) -> Comparison | None:
    """The first exact rule that decides, or None where the formulas must be parsed."""
    if left.strip() == right.strip():
        return equal("same text") if left.strip() else undecided("empty")
    if max(len(left), len(right)) > LONGEST:
        return undecided(f"longer than {LONGEST} characters")
    a, b = normal.plain(left), normal.plain(right)
    if not a or not b:
        return undecided("empty")
    if normal.key(left) == normal.key(right):
        return equal("same text")
    meanings = phrase(a), phrase(b)
    if meanings[0] and meanings[1]:
        if meanings[0] == meanings[1]:
            return equal(f"phrase: {meanings[0]}")
        return different("phrase") if set(meanings) in _OPPOSED else undecided("phrase")
    return _by_number(a, b) or _unreadable(a, b)


def _by_number(a: str, b: str) -> Comparison | None:
    units = normal.units(a), normal.units(b)
    if units[0] and units[1] and units[0] != units[1]:
        return undecided("units")
    left, right = number(_assigned(normal.latex(a)).strip()), number(_assigned(normal.latex(b)).strip())
    return same_number(left, right) if left and right else None


def _assigned(formula: str) -> str:
    """The value of `x = value`."""
    return re.sub(r"^\s*[A-Za-z](?:_\{?\w\}?)?\s*=(?!=)", "", formula)


def _unreadable(a: str, b: str) -> Comparison | None:
    """Pairs that no parser of formulas may be asked about."""
    forms = normal.latex(a), normal.latex(b)
    if any(map(has_words, forms)):
        return undecided("words")
    if len({bool(_UNIT_LETTER.search(form)) for form in forms}) == 2:
        return undecided("units")
    if any(r"\ldots" in form for form in forms):
        return undecided("ellipsis")
    if any(re.search(r"\d_", form) for form in forms):
        return undecided("base")
    if any(re.search(r"^\s*(?:[<>=/*^]|\\le|\\ge|\\ne)|(?:[<>=/*^+-])\s*$", form) for form in forms):
        return undecided("fragment")
    if any(re.search(r"[\"]|':", form) for form in forms):
        return undecided("quoted")
    letters = [re.fullmatch(r"\s*[A-Za-z]\s*", form) is not None for form in forms]
    if all(letters) and a.lower() != b.lower():
        return different("letter")
    if any(letters):  # a choice's letter, or a constant: only the question tells
        return undecided("letter")
    return None
