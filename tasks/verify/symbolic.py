r"""Comparison of two formulas by their values, with math-verify's equality as the last resort.

Formulas are read by latex2sympy2_extended, math-verify's own reader (https://github.com/huggingface/Math-Verify),
and compared where they have values: exactly where these are rational, else at 60 digits; formulas with letters
at whole and at broken points. 15 digits, as plain math-verify has them, call 2^1009/(2^1009+1009) and
2^1009/(2^1009+2018) equal. "Different" is said only where values differ.

Parsing here is for killable processes (`tasks.verify.pool`): its time and memory are bounded by nothing else.
Only the LaTeX reader is used, never the one that hands text to Python's `eval`.
"""

from __future__ import annotations

import logging
import re
from importlib.metadata import version
from itertools import permutations
from typing import Any

import sympy
from latex2sympy2_extended import NormalizationConfig, latex2sympy
from latex2sympy2_extended.latex2sympy2 import ConversionConfig
from math_verify import verify
from sympy.core.function import AppliedUndef

from tasks.verify.outcome import Comparison, different, equal, undecided

VERIFIER = f"math-verify {version('math-verify')}"
_READ = NormalizationConfig(basic_latex=False, malformed_operators=True, boxed="none")
_AS_WRITTEN = ConversionConfig(lowercase_symbols=False)
_DIGITS = 60
_ENOUGH = 10  # significant digits from which a decimal stands for an irrational number: 10.44 is not sqrt(109)
_CLOSE = sympy.Float("1e-45", _DIGITS)
# Values for the symbols of a formula, in alphabetical order. Whole ones, so that counting formulas (factorials,
# binomials, floors, parities) have values there; broken ones, because sin(pi n) = 0 holds at whole numbers only.
_WHOLE = ((5, 7, 11, 13, 17, 19, 23), (4, 6, 10, 14, 15, 18, 21), (3, 8, 9, 16, 20, 22, 25))
_BROKEN = tuple(tuple(sympy.Rational(n, d) for n in row) for row, d in (((19, 29, 13, 17, 23, 31, 37), 9),))
_MISREAD = re.compile(
    r"!!|(?:gcd|lcm)\s*\}?\s*\([^)]*[A-Za-z]"
    r"|\\(?:bmod|pmod|mod|perp|parallel|circ|angle|triangle|Gamma|zeta)(?![a-z])"
)
_CONSTANT = re.compile(r"[CKck](?:_\{?\w\}?)?|[A-D]")
logging.getLogger("math_verify").setLevel(logging.ERROR)


def symbolic(left: str, right: str, free: frozenset[str] = frozenset()) -> Comparison:
    """Compare two formulas or equations in LaTeX. `free` names constants that may be called anything."""
    if _MISREAD.search(left) or _MISREAD.search(right):
        return undecided(f"{VERIFIER}: unread")
    a, b = _read(left), _read(right)
    if a is None or b is None:
        return undecided(f"{VERIFIER}: unread")
    if isinstance(a, sympy.Eq) and isinstance(b, sympy.Eq):
        return _equations(a, b)
    if not (isinstance(a, sympy.Expr) and isinstance(b, sympy.Expr)):
        return _by_library(a, b)
    found = _expressions(a, b, free)
    if found.rule == "unproved":
        found = _by_library(a, b)
    if any(re.search(r"log(?!\s*_)", text) for text in (left, right)) and found != equal("values"):
        return undecided("base of log")
    return found


def _read(text: str) -> Any | None:
    text = re.sub(r"\\log(?!\s*_|[a-zA-Z])", r"\\ln", text)  # as mathematics has it; `symbolic` knows of others
    try:
        formula = latex2sympy(text, normalization_config=_READ, conversion_config=_AS_WRITTEN, convert_degrees=False)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # the reader raises plain Exception, and whatever sympy raises, on text that is no formula
        return None
    if not isinstance(formula, sympy.Basic):
        return None
    unknown = {call: sympy.Symbol(str(call)) for call in formula.atoms(AppliedUndef)}
    letters = {letter: sympy.I for letter in formula.free_symbols if str(letter) == "i"}
    return formula.xreplace(unknown).xreplace(letters)


def _expressions(a: Any, b: Any, free: frozenset[str]) -> Comparison:
    found = _values(a, b)
    if found.rule in ("values", "unproved", "other letters") and found != equal("values"):
        return _with_other_constants(a, b, free) or found
    return found


def _values(a: Any, b: Any) -> Comparison:
    """Equal or different by values, `unproved` where there are none, or where whole points alone agree."""
    names = sorted({s.name for s in a.free_symbols | b.free_symbols})
    if _digits(a) is not None or _digits(b) is not None:
        return _rounded(a, b)
    agreed = []
    for points in (_WHOLE, _BROKEN) if names else (_WHOLE[:1],):
        seen = [_at(a, b, dict(zip(names, point, strict=False))) for point in points]
        if False in seen:
            letters = [{s.name.partition("_")[0] for s in side.free_symbols} for side in (a, b)]
            known = letters[0] <= letters[1] or letters[1] <= letters[0]  # n+1 and |S|+1 may be one thing
            return different("values") if known else undecided("other letters")
        agreed.append(bool(seen) and None not in seen)
    return equal("values") if all(agreed) else undecided("unproved")


def _at(a: Any, b: Any, point: dict[str, Any]) -> bool | None:
    """Whether two formulas have one value at a point; None where one has no value there."""
    x, y = _value(a, point), _value(b, point)
    return None if x is None or y is None else not _far(x, y)


def _value(formula: Any, point: dict[str, Any]) -> Any | None:
    """The number a formula is at a point, exact where it is rational; None where it is none."""
    value = formula.subs({symbol: point.get(symbol.name, 2) for symbol in formula.free_symbols}).doit()
    if value.is_Rational:
        return value
    value = value.evalf(_DIGITS)
    return (
        value
        if value.is_number and value.is_finite and not value.free_symbols and value.is_comparable is not None
        else None
    )


def _far(x: Any, y: Any) -> bool:
    if x.is_Rational and y.is_Rational:
        return bool(x != y)
    size = max(1, abs(x).evalf(_DIGITS), abs(y).evalf(_DIGITS))
    return bool(abs(x - y).evalf(_DIGITS) > _CLOSE * size)


def _digits(formula: Any) -> tuple[int, Any] | None:
    """Significant digits and half a unit of the last place of a bare decimal; None for any other formula."""
    bare = -formula if formula.could_extract_minus_sign() else formula
    if not isinstance(bare, sympy.Float):
        return None
    text = str(bare).rstrip("0") if "e" not in str(bare) else str(bare)
    places = len(text.partition(".")[2])
    return len(text.replace(".", "").lstrip("0")), sympy.Rational(1, 2 * 10**places)


def _rounded(a: Any, b: Any) -> Comparison:
    """A decimal against a formula: its value to `_ENOUGH` significant digits or more, or surely not its value."""
    for one, other in ((a, b), (b, a)):
        digits = _digits(one)
        if digits is None:
            continue
        x, y = _value(sympy.nsimplify(one, rational=True), {}), _value(other, {})
        if x is None or y is None:
            return undecided("unproved") if y is None and not other.free_symbols else different("value and formula")
        significant, half = digits
        gap = abs(x - y).evalf(_DIGITS)
        if gap <= half:
            return equal("rounding") if significant >= _ENOUGH else undecided("rounding")
        return undecided("rounding") if gap <= 20 * half and significant < 3 else different("values")
    return undecided("unproved")


def _equations(a: Any, b: Any) -> Comparison:
    """Two equations are one where the sides' difference is the same up to a constant factor."""
    x, y = (equation.lhs - equation.rhs for equation in (a, b))
    if x.free_symbols != y.free_symbols:
        bound = _bound(a, b)
        return bound if bound is not None else different("equations in other letters")
    names = sorted(symbol.name for symbol in x.free_symbols)
    ratios: list[Any] = []
    for point in (*_WHOLE, *_BROKEN):
        over, under = (_value(side, dict(zip(names, point, strict=False))) for side in (x, y))
        if over is None or under is None or under == 0:
            return undecided("equations")
        ratios.append(over / under)
    if not any(_far(ratios[0], ratio) for ratio in ratios[1:]):
        return equal("equations")
    polynomial = all(side.is_polynomial() and sympy.Poly(side).total_degree() <= 2 for side in (x, y))
    return different("equations") if polynomial else undecided("equations")


def _bound(a: Any, b: Any) -> Comparison | None:
    """f(x) = x^2 and f(t) = t^2: two definitions, each in the variable of its own."""
    heads = [re.fullmatch(r"(\w+)\((\w+)\)", str(equation.lhs)) for equation in (a, b)]
    if heads[0] is None or heads[1] is None or heads[0][1] != heads[1][1]:
        return None
    variable = sympy.Symbol("x")
    right = [
        equation.rhs.subs(sympy.Symbol(head[2]), variable)
        for equation, head in zip((a, b), heads, strict=True)
        if head
    ]
    return _expressions(right[0], right[1], frozenset())


def _with_other_constants(a: Any, b: Any, free: frozenset[str]) -> Comparison | None:
    """Whether renaming the free constants of one makes it the other; None where there are none to rename."""
    left, right = (sorted(_constants(one, other, free), key=str) for one, other in ((a, b), (b, a)))
    if not left or len(left) != len(right) or len(left) > 3:
        shared = {s for s in a.free_symbols & b.free_symbols if _CONSTANT.fullmatch(s.name) and s.name[0] in "CK"}
        return undecided("free constant") if shared and (a - b).free_symbols <= shared else None
    for order in permutations(right):
        renamed = b.xreplace(dict(zip(order, left, strict=True)))
        if _values(a, renamed) == equal("values"):
            return equal("values, free constants renamed")
    return undecided("free constant")


def _constants(formula: Any, other: Any, free: frozenset[str]) -> set[Any]:
    """Symbols of a formula that the other has not, and that are declared constants or called as constants are."""
    own = formula.free_symbols - other.free_symbols
    if not formula.free_symbols & other.free_symbols and not free:
        return set()
    return own if all(s.name in free or _CONSTANT.fullmatch(s.name) for s in own) else set()


def _by_library(a: Any, b: Any) -> Comparison:
    """math-verify's own word, in both orders, for what has no values: only its yes counts."""
    if all(verify(x, y, timeout_seconds=None, allow_set_relation_comp=False) for x, y in ((a, b), (b, a))):
        return equal(VERIFIER)
    return undecided(f"{VERIFIER}: unproved")
