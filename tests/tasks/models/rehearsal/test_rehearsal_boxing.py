r"""The box comes from the closing sentence by rule: sentences as the recorded models write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from math_verify import parse, verify

from tasks.models.rehearsal.boxing import final_answer
from tasks.models.rehearsal.notation import latex


@pytest.mark.parametrize(
    ("closing", "answer"),
    [
        ("There are 239 strings of length 6 where each pair of adjacent digits differs by at most 1.", "239"),
        ("There are 144 subsets of {1, 2, ..., 10} that have no two successive numbers.", "144"),
        ("There is only one integer \\( n \\) in the set, and that is \\( n = 1 \\).", "1"),
        ("For an n x n chessboard, there is exactly 1 way to place n rooks.", "1"),
        ("The expansion of \\((x+y+z)^{1999}\\) will have 2,001,000 terms.", "2001000"),
        ("At most, two of the three inequalities can be true at the same time.", "2"),
        ("The inequality holds for all \\(100\\) values of \\(n\\) in the set.", "100"),
        ("The smallest value of \\( s \\) is \\( 2^{m+1} \\), achieved when \\( a = b = 1 \\).", "2^{m+1}"),
        ("The smallest value of the expression is 2, which occurs at x = 0.", "2"),
        ("The value as an expression of \\(n\\) is \\(1\\), achieved when all \\(a_i\\) are equal to 7.", "1"),
        ("The number of ways is given by the expression D = n(n - 3) / 2.", "n(n - 3) / 2"),
        ("The remainder when \\( p(x) \\) is divided by 3, where \\( p(x) = x + 1 \\), is 6.", "6"),
        ("The smallest value of \\(\\sum_{k=1}^n a_k\\) is \\(S = \\sum_{k=1}^{n} k\\).", "\\sum_{k=1}^{n} k"),
        ("The range of x is \\( x \\in [-1, 1] \\).", "[-1, 1]"),
        ("The only solution to the equation is (x, y) = (2, 1).", "(2, 1)"),
        ("The solutions are \\( (x, y) = (2, 1) \\) and \\( (x, y) = (1, 2) \\).", "(2, 1), (1, 2)"),
        ("The only solution is \\(x = 6\\) and \\(y = 5\\).", "x = 6, y = 5"),
        ("The real-valued solutions are \\(x = 1\\) and \\(x = -1\\).", "1, -1"),
        ("The possible values of p^2 mod 24 are 1, 4, and 9.", "1, 4, 9"),
        ("The possible values of p^2 mod 24 are {1, 4, 9}.", r"\{1, 4, 9\}"),
        ("There are no integer solutions to the equation x^2 = 2.", r"\text{No integer solutions}"),
        ("No, a_9000 is not greater than 30.", r"\text{No}"),
        ("It is not possible to select such a sequence, because 7 is not a power of 2.", r"\text{No}"),
        ("The number \\(4^5 + 5^4\\) is not a prime number because it is divisible by 5.", r"\text{No}"),
        ("The limit of the sequence does not exist because it grows without bound.", r"\text{Does not exist}"),
        ("\\(2^{32} + 1 \\mod 641 = 0\\).", "0"),
        ("The remainder is \\( \\boxed{5} \\).", "5"),
    ],
)
def test_the_answer_is_found(closing: str, answer: str) -> None:
    assert final_answer(closing) == answer


@pytest.mark.parametrize(
    "closing",
    [
        "",
        "It is not possible to determine if the function is periodic.",
        "The exact number of values cannot be determined without a more detailed analysis.",
        "The number of ways is (n/2)! for even n and ((n-1)/2)! for odd n.",
        "The possible values of x_12 are all positive integers from 1 to 99.",
        "The largest possible value of \\( s \\) is just less than 1.",
        "The product A is less than 0.1.",
        "The polynomial is irreducible over the integers.",
    ],
)
def test_no_answer_is_invented(closing: str) -> None:
    assert final_answer(closing) is None


@pytest.mark.parametrize(
    ("plain", "same_as"),
    [
        ("2^(m+1)", "2^{m+1}"),
        ("sqrt(3)/3", r"\frac{1}{\sqrt{3}}"),
        ("√3 / 3", r"\frac{1}{\sqrt{3}}"),
        ("C(10, 5)", "252"),
        ("2*C(10, 5)", "504"),
        ("floor(7/2)", "3"),
        ("2^10", "1024"),
        ("2,001,000", "2001000"),
        ("(1+sqrt(4a+1))/2", r"\frac{1+\sqrt{1+4a}}{2}"),
    ],
)
def test_graders_read_the_converted_notation(plain: str, same_as: str) -> None:
    assert verify(parse(f"\\boxed{{{same_as}}}"), parse(f"\\boxed{{{latex(plain)}}}"))


@settings(deadline=None)
@given(st.integers(-(10**9), 10**9))
def test_every_integer_after_is_found(value: int) -> None:
    assert final_answer(f"The value of the sum is {value}.") == str(value)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_sentence_gives_an_answer_or_none(closing: str) -> None:
    answer = final_answer(closing)
    assert answer is None or answer


@settings(deadline=None)
@given(st.text(alphabet="sqrtfloC(){}^_,*%√ 12ab", max_size=40))
def test_latex_ends_on_any_text_and_leaves_no_closed_call(text: str) -> None:
    assert re.search(r"(?<![A-Za-z\\])sqrt\([^()]*\)", latex(text)) is None
