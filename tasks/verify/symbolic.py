"""Comparison of two formulas by math-verify, and a numeric check of what it says.

math-verify (https://github.com/huggingface/Math-Verify) is good at reading LaTeX and at symbolic equality, but
its "no" may mean "could not read" or "could not prove", and its "yes" may rest on 15 digits or on a pair read
as an interval. So its "yes" counts only where values at 60 digits agree, and "no" only where they differ.

Parsing here is for killable processes (`tasks.verify.pool`): its time and memory are bounded by nothing else.
Only the LaTeX reader is used, never the one that hands text to Python's `eval`.
"""

from __future__ import annotations

import logging
import re
from importlib.metadata import version
from typing import Any

import sympy
from latex2sympy2_extended.sets import FiniteSet as LatexSet
from math_verify import LatexExtractionConfig, parse, verify

from tasks.verify import normal
from tasks.verify.outcome import Comparison, different, equal, undecided

VERIFIER = f"math-verify {version('math-verify')}"
_DIGITS = 60
_CLOSE = sympy.Float("1e-45", _DIGITS)
_ROUNDED = sympy.Float("0.01")  # a decimal this near to the other side may be its rounding
# Values for the symbols of a formula, in alphabetical order: whole and rising, so that counting formulas
# (factorials, binomials, floors, parities) have values there too.
_POINTS = ((5, 7, 11, 13, 17, 19, 23), (4, 6, 10, 14, 15, 18, 21), (3, 8, 9, 16, 20, 22, 25))
# A bare "10, 4, -2" may be a sequence or a set: only braces, "and", "x =" and the like tell.
_SET_LIKE = re.compile(r"=|\\\{|\\pm|;|(?<![a-z])(?:and|or)(?![a-z])")
logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its own timeouts are off: they are


def symbolic(left: str, right: str) -> Comparison:
    """Compare two answers as formulas. Undecided where a side cannot be read or nothing is sure."""
    texts = normal.plain(left), normal.plain(right)
    a, b = (_read(normal.latex(text)) for text in texts)
    if a is None or b is None:
        return undecided(f"{VERIFIER}: unread")
    # verify() is not symmetric. Of an equation and an expression (7 = 11a + c and 11a + c) one order says yes too
    # easily; elsewhere the order only hides what it can prove.
    orders = all if _is_relation(a) != _is_relation(b) else any
    if orders(_agree(gold, answer) for gold, answer in ((a, b), (b, a))):
        return _confirm_equal(a, b, texts)
    if any(re.search(r"log(?!\s*_)", text) for text in texts):  # it was read as ln, and may be of base 10
        return undecided("base of log")
    return _confirm_different(a, b)


def _read(text: str) -> Any | None:
    found = parse(f"${text}$", [LatexExtractionConfig()], fallback_mode="no_fallback", parsing_timeout=None)
    return found[0] if found else None


def _agree(gold: Any, answer: Any) -> bool:
    return bool(verify(gold, answer, timeout_seconds=None, allow_set_relation_comp=True))


def _is_relation(formula: Any) -> bool:
    return isinstance(formula, sympy.Eq)


def _confirm_equal(a: Any, b: Any, texts: tuple[str, str]) -> Comparison:
    collections = all(isinstance(formula, sympy.Set | LatexSet | sympy.Tuple) for formula in (a, b))
    if collections and _in_brackets(texts[0]) != _in_brackets(texts[1]):
        return undecided("brackets")
    if not any(map(_SET_LIKE.search, texts)) and _reordered(a, b):
        return undecided("order")
    if _differ(a, b, _CLOSE):
        return undecided("rounding") if _has_decimals(a, b) else different("values")
    return equal(VERIFIER)


def _confirm_different(a: Any, b: Any) -> Comparison:
    if _differ(a, b, _ROUNDED if _has_decimals(a, b) else _CLOSE):
        return different(f"{VERIFIER}: values")
    return undecided(f"{VERIFIER}: unproved")


def _in_brackets(text: str) -> bool:
    """Whether a list stands in round or square brackets, as tuples and intervals do, and sets do not."""
    bare = text.rpartition("=")[2].strip()
    return bare[:1] in ("(", "[") and "," in bare and normal.closing(bare, 0) in (None, len(bare) - 1)


def _reordered(a: Any, b: Any) -> bool:
    """Whether two lists of single values hold them in different orders."""
    if not (isinstance(a, LatexSet) and isinstance(b, LatexSet)):
        return False
    left, right = list(a._unsorted_args), list(b._unsorted_args)
    single = all(isinstance(value, sympy.Expr) for value in (*left, *right))
    return single and _apart(left, right, "tuple", {}, _CLOSE)


def _has_decimals(*formulas: Any) -> bool:
    return any(formula.has(sympy.Float) for formula in formulas)


def _differ(a: Any, b: Any, tolerance: sympy.Float) -> bool:
    """Whether the two surely have different values: of one kind, in the same symbols, apart at some point."""
    (kind, left), (other, right) = _parts(a), _parts(b)
    names = _names(left), _names(right)
    if not left or not right or kind != other or (names[0] and names[1] and names[0] != names[1]):
        return False
    symbols = sorted(names[0] | names[1])
    return any(_apart(left, right, kind, dict(zip(symbols, point, strict=False)), tolerance) for point in _POINTS)


def _parts(formula: Any) -> tuple[str, list[Any]]:
    """A formula's kind and the expressions in it; none where it has no values to compare."""
    if isinstance(formula, sympy.Eq) and isinstance(formula.lhs, sympy.Symbol):
        return "value", [formula.rhs]
    if isinstance(formula, sympy.FiniteSet | LatexSet):
        return "list", [part for element in formula.args for part in _parts(element)[1]]
    if isinstance(formula, sympy.Tuple):
        return "tuple", [part for element in formula.args for part in _parts(element)[1]]
    if isinstance(formula, sympy.Interval):  # (1, 2) is read as an interval, (2, 1) as a pair
        ends = "tuple" if formula.left_open and formula.right_open else f"{formula.left_open}{formula.right_open}"
        return ends, [formula.start, formula.end]
    if isinstance(formula, sympy.MatrixBase):
        return f"matrix {formula.shape}", list(formula)
    return ("value", [formula]) if isinstance(formula, sympy.Expr) else ("other", [])


def _names(parts: list[Any]) -> set[str]:
    return {symbol.name for part in parts for symbol in part.free_symbols}


def _apart(left: list[Any], right: list[Any], kind: str, point: dict[str, int], tolerance: sympy.Float) -> bool:
    a, b = ([_value(part, point) for part in parts] for parts in (left, right))
    if any(value is None for value in (*a, *b)):
        return False
    if kind == "list":
        a, b = (sorted(values, key=_order) for values in (a, b))
    return len(a) != len(b) or any(_far(x, y, tolerance) for x, y in zip(a, b, strict=True))


def _value(formula: Any, point: dict[str, int]) -> Any | None:
    """The number a formula is at a point, exact where it is rational; None where it is none."""
    exact = formula.xreplace({decimal: sympy.Rational(str(decimal)) for decimal in formula.atoms(sympy.Float)})
    value = exact.subs({symbol: point.get(symbol.name, 2) for symbol in exact.free_symbols}).doit()
    if value.is_Rational:
        return value
    value = value.evalf(_DIGITS)
    return value if value.is_number and value.is_finite and not value.free_symbols else None


def _order(value: Any) -> tuple[Any, Any]:
    real, imaginary = value.as_real_imag()
    return round(real, 40), round(imaginary, 40)


def _far(x: Any, y: Any, tolerance: sympy.Float) -> bool:
    if x.is_Rational and y.is_Rational and tolerance == _CLOSE:
        return bool(x != y)
    size = max(1, abs(x).evalf(_DIGITS), abs(y).evalf(_DIGITS))
    return bool(abs(x - y).evalf(_DIGITS) > tolerance * size)
