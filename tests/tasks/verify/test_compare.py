from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.verify.compare import compare
from tasks.verify.outcome import Equality
from tasks.verify.rules import quick

EQUAL = [
    (r"\log 2", r"\ln 2"),
    ("1/2", "0.5"),
    (r"\frac12", "$.5$"),
    ("1,234", "1234"),
    (r"\$23{,}000", "23000"),
    ("3.54e-07", "3.54*10^{-7}"),
    ("1 1/2", r"\frac{3}{2}"),
    ("50%", "0.5"),
    (r"10\%", "10"),
    ("x = 5", "5"),
    ("√3", r"\sqrt{3}"),
    ("−2", "-2"),
    ("0.3333", "1/3"),
    ("Yes", r"\text{Yes, it is possible}"),
    ("No integer solutions", "There are no solutions"),
    (r"\emptyset", "no solution"),
    ("white", "White"),
    ("2^(n-1)", r"2^{n-1}"),
    ("2**(n-1)", r"2^{n-1}"),
    ("C(n, 4)", r"\binom{n}{4}"),
    ("sqrt(3)/3", r"\frac{1}{\sqrt{3}}"),
    ("n(n-3)/2", r"\frac{n^2-3n}{2}"),
    ("ln 2", r"\ln 2"),
    ("pi/4", r"\frac{\pi}{4}"),
    ("exp(2)", "e^{2}"),
    ("(x^2+x+1)(x^2-x+1)", "x^4+x^2+1"),
    ("1, 4 and 9", "4, 9, 1"),
    ("x=2, y=1", "y = 1, x = 2"),
    (r"(3,\infty)", "x>3"),
    (r"\begin{pmatrix}1&2\\ 3&4\end{pmatrix}", r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}"),
    ("10, 4, -2", "4, 10, -2"),
    ("1.5707963267948966", r"\frac{\pi}{2}"),
    (r"2^{19} \text{ for all } n", "2^19"),
    (r"f(x)=x+c, c \in \mathbb{R} \text{ constant}", r"f(x) = x + b \text{ for some real constant } b"),
    ("f(x) = x^2", "f(t) = t^2"),
    (r"(0, \pm 2)", "(0, 2), (0, -2)"),
    (r"30^\circ", r"\frac{\pi}{6}"),
    ("5 cm", "50 mm"),
    ("5 cm", "5"),
    (r"r<\frac{49}{27} \text{ or } r>3", r"(-\infty,\frac{49}{27}) \cup (3,\infty)"),
    (r"x \in [-2, 7]", r"-2 \le x \le 7"),
    (r"\begin{pmatrix}1&2\\ 3&4\end{pmatrix}", "[[1,2],[3,4]]"),
    ("m = 9, n = 6", "(9, 6)"),
    ('"answer": "x = 4/9"\n}', "4/9"),
    ("5x - 7y = 2", "-10x + 14y = -4"),
    (r"x^2+C", "x^2+K"),
]
DIFFERENT = [
    ("10/9", "1"),
    ("5 cm", "5 m"),
    (r"5\text{ cm}", r"5\text{ m}"),
    ("(1,2)", r"\{1,2\}"),
    ("7 = 11a+c", "11a+c"),
    (r"2\mathrm{e}^{x}", "2^x"),
    ("0.0000001", "0.0000002"),
    ("5", "-5"),
    ("5", "6"),
    ("1/3", "1/4"),
    ("Yes", "No"),
    ("no solutions", "infinitely many solutions"),
    ("2^n", "2^{n-1}"),
    ("(2,1)", "(1,2)"),
    ("[0,1)", "[0,3)"),
    ("1, 2", "1, 3"),
    ("A", "B"),
    ("2^1009/(2^1009+1009)", "2^1009/(2^1009+2018)"),
    ("(3-3^{-999})/4", "3/4+1/(4*3^{1000})"),
]
UNDECIDED = [
    ("no", "on"),
    ("evil", "live"),
    ("HMPCVSE", "HMPVCES"),
    ("ABC", "CBA"),
    ("E", "e"),
    ("5 m", "5"),
    ("C", "15"),
    (r"\log 100", "2"),
    (r"\alpha = 1, \beta = 4", "{'alpha': 1, 'beta': 4}"),
    ("5242.88", "5243"),
    ("(1,2)", "1,2"),
    ("101_2", "101"),
    ("1, 2, ..., 10", "1, 2, 10"),
    ("3.14159265", r"\pi"),
    ("10.44", r"\sqrt{109}"),
    ("2 hours and 13 minutes", "133 minutes"),
    ("n+1", "|S|+1"),
    ("a=b=c=d", "(k,k,k,k)"),
    ("0.33", "1/3"),
    ("a. 3, b. 4", '{"a": -6, "b": 4}'),
    ("0", "> 0"),
    ("", ""),
    ("the sequence is periodic", "periodic sequence"),
    (r"\frac{1}{", r"\frac{1}{2}"),
]


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [(*pair, Equality.EQUAL) for pair in EQUAL]
    + [(*pair, Equality.DIFFERENT) for pair in DIFFERENT]
    + [(*pair, Equality.UNDECIDED) for pair in UNDECIDED],
)
def test_compare(left: str, right: str, verdict: Equality) -> None:
    assert compare(left, right).verdict == verdict, compare(left, right)
    assert compare(right, left) == compare(left, right)


ATOMS = st.sampled_from(["x", "y", "2", "3", "0.5", r"\pi", r"\sqrt{2}", "n!", "7"])
FORMULAS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", r" \cdot "]), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        st.tuples(inner, inner).map(lambda t: rf"\frac{{{t[0]}}}{{{t[1]}}}"),
        inner.map(lambda t: rf"\{{{t}, 1\}}"),
    ),
    max_leaves=4,
)


@settings(max_examples=40, deadline=None)
@given(FORMULAS, FORMULAS)
def test_symmetric_and_reflexive_on_formulas(left: str, right: str) -> None:
    assert compare(left, right) == compare(right, left)
    assert compare(left, left).verdict is Equality.EQUAL


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=string.printable + "²√π−", max_size=40), st.text(max_size=40))
def test_rules_read_any_text_both_ways(left: str, right: str) -> None:
    verdicts = [result and result.verdict for result in (quick(left, right), quick(right, left))]
    assert verdicts[0] == verdicts[1]
    same = quick(left, left)
    assert same is not None
    assert same.verdict is (Equality.EQUAL if left.strip() else Equality.UNDECIDED)


@settings(max_examples=200, deadline=None)
@given(st.fractions(), st.fractions())
def test_fractions_are_compared_exactly(left: object, right: object) -> None:
    result = quick(str(left), str(right))
    assert result is not None
    assert (result.verdict is Equality.EQUAL) == (left == right)
