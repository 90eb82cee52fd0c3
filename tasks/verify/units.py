r"""Quantities: a number with a unit. Pure.

A unit may be left out of an answer (the question names it), so `5` and `5 cm` are the same; two units of one
kind are converted; `5 cm` and `5 m`, or cm and cm^2, are different.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_TABLE: dict[str, tuple[str, Fraction]] = {}


def _kind(kind: str, **factors: str) -> None:
    for names, factor in factors.items():
        for name in names.split("_"):
            _TABLE[name] = (kind, Fraction(factor))


_kind("length", mm_millimeter_millimetre="1/1000", cm_centimeter_centimetre="1/100", m_meter_metre="1")
_kind("length", km_kilometer_kilometre="1000", inch_inche="0.0254", ft_foot_feet="0.3048", yd_yard="0.9144")
_kind("length", mile="1609.344")
_kind("mass", mg_milligram="1/1000", g_gram="1", kg_kilogram="1000", lb_pound="453.59237", ton_tonne="1000000")
_kind("time", s_sec_second="1", min_minute="60", h_hr_hour="3600", day="86400", week="604800")
_kind("volume", ml_milliliter_millilitre="1/1000", l_liter_litre="1")
_kind("money", dollar_usd="1", cent="1/100")
_UNIT = re.compile(
    r"(?P<value>(?:[-+\d.,/ ]|\\frac\s*\{[^{}]*\}\s*\{[^{}]*\}|\\sqrt\s*\{[^{}]*\}|\\pi|[{}()^*]|\\cdot)+?)"
    r"\s*(?:\^\s*\{?\s*\\circ\s*\}?|\\degree"
    r"|(?P<name>(?:(?:square|cubic|sq)\s+)?[A-Za-z]{1,12}(?:[ -](?:per\s+)?[A-Za-z]{1,15})*)"
    r"\s*(?:\^\s*\{?(?P<power>[23])\}?)?)\s*(?P<per>/\s*[A-Za-z]+)?"
)
_NOT_UNITS = re.compile(
    r"(?<![A-Za-z])(?:or|and|to|if|is|are|pi|e|i|x|y|n|k|a|b|c|mod|of|at|on|am|pm|sqrt|sin|cos|tan|ln|log|exp)(?![A-Za-z])",
    re.IGNORECASE,
)
_SURE = {"cm", "mm", "km", "kg", "ml", "mg", "ft", "lb", "hr"}


@dataclass(frozen=True, slots=True)
class Quantity:
    r"""A value as text and its unit's name, singular and in lower case, with its power: `cm^2`, `degree`, `coin`."""

    value: str
    unit: str


def quantity(bare: str, *, set_apart: bool) -> Quantity | None:
    r"""Read `5 cm`, `30^\circ`, `7 yellow coins`, `\frac{1}{2} hour`; None where no unit stands behind a value.

    One letter is a unit only where it was `set_apart` as text: `5 m` may be a product.
    """
    match = _UNIT.fullmatch(bare.strip())
    if match is None or not re.search(r"\d|\\pi", match["value"]):
        return None
    name = match["name"]
    if name is None:
        return Quantity(match["value"].strip(), "degree")
    if _NOT_UNITS.search(name) or (len(name) < 3 and not set_apart and _singular(name)[0] not in _SURE):
        return None
    unit, power = _singular(name)
    power = match["power"] or power
    return Quantity(
        match["value"].strip(), unit + (f"^{power}" if power else "") + (match["per"] or "").replace(" ", "")
    )


def _singular(name: str) -> tuple[str, str]:
    words = name.casefold().split()
    power = {"square": "2", "sq": "2", "cubic": "3"}.get(words[0], "")
    last = " ".join(words[1:] if power else words)
    return (last[:-1] if last.endswith("s") and len(last) > 2 else last), power


def factor(unit: str) -> tuple[str, Fraction] | None:
    """What a unit measures (with its power), and how many base units it is; None for a unit that is not known."""
    name, _, power = unit.partition("^")
    if name not in _TABLE:
        return None
    kind, size = _TABLE[name]
    return f"{kind}^{power or 1}", size ** int(power or 1)
