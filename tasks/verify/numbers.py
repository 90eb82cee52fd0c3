"""Numbers as they are written: integers, decimals, percentages, powers of ten, fractions, mixed numbers. Pure.

Numbers are exact fractions of decimal digits, so that
0.0000001 and 0.0000002 differ, and 0.33 is neither 1/3 nor surely not 1/3: it may be its rounding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tasks.verify.outcome import Comparison, different, equal, undecided

_DIGITS = 400  # digits of a number, and the size of a power of ten, that exact arithmetic is used for

_INT = r"(?:\d{1,3}(?:[, ]\d{3})+|\d+)"
_DECIMAL = rf"(?:{_INT}(?:\.\d*)?|\.\d+|0,\d+)"
_POWER = r"(?:(?:\*|\\cdot|\\times)\s*10\s*(?:\^|\*\*)\s*\{?\(?(?P<power>[+-]?\d+)\)?\}?|[eE](?P<exp>[+-]?\d+))"
_NUMBER = re.compile(rf"(?P<sign>[+-]?)\s*(?P<digits>{_DECIMAL})\s*{_POWER}?\s*(?P<percent>%|percent)?")
_RATIO = re.compile(
    r"(?P<sign>[+-]?)\s*(?:(?P<whole>\d+)(?:\s*(?=\\frac)|\s+(?=\d+\s*/)))?"
    r"(?:\\frac\s*(?:\{\s*(?P<a>[+-]?\d+)\s*\}|(?P<a1>\d))\s*(?:\{\s*(?P<b>\d+)\s*\}|(?P<b1>\d))"
    r"|(?P<a2>\d+)\s*/\s*(?P<b2>\d+))"
)
_PERIODIC = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<whole>\d*)\.(?P<fixed>\d*)\\(?:overline|bar|dot)\s*\{(?P<period>\d+)\}"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A rational number as written. `step` is the unit of its last decimal place, None where it is exact."""

    value: Fraction
    step: Fraction | None = None
    percent: bool = False


def number(bare: str) -> Number | None:
    """Read an integer, decimal, percentage, power-of-ten form, fraction or mixed number; None for anything else."""
    text = bare[1:-1].strip() if re.fullmatch(r"\([^(),]*\)", bare) else bare  # (0,3) is a pair
    if len(text) > _DIGITS:
        return None
    if match := _RATIO.fullmatch(text):
        return _ratio(match)
    if match := _PERIODIC.fullmatch(text):
        return _periodic(match)
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


def _periodic(match: re.Match[str]) -> Number:
    """0.1666..., its period marked by a bar: exact."""
    whole, fixed, period = match["whole"] or "0", match["fixed"], match["period"]
    value = Fraction(int(whole + fixed + period) - int(whole + fixed), 10 ** len(fixed) * (10 ** len(period) - 1))
    return Number(-value if match["sign"] == "-" else value)


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

    A bare number may stand for a percentage (10% and 10). A decimal is taken for the fraction that it rounds
    from four significant digits on (0.3333 and 1/3), for a longer decimal from three; a coarser one decides nothing.
    """
    if a.value == b.value:
        return equal("number")
    if a.percent != b.percent and (a.value * 100 == b.value if a.percent else b.value * 100 == a.value):
        return equal("number: percent")
    for n, other in ((a, b), (b, a)):
        if n.step is not None and abs(a.value - b.value) <= n.step / 2:
            certain = abs(n.value) >= n.step * (1000 if other.step is None else 100)
            return equal("number: rounding") if certain else undecided("number: rounding")
        whole = other.value.denominator == 1 and abs(other.value) >= 100  # three digits or more: 5243 for 5242.88
        if n.step is not None and whole and abs(n.value - other.value) <= Fraction(1, 2):
            return undecided("number: rounding")
    return different("number")
