"""A rewrite may take away talk; numbers, letters, relations and conditions must stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.screen.rewrite import changes, quantities

POST = """Hi all,

Problem 7. Let n be a positive integer with n <= 20. How many pairs (a, b) of distinct primes satisfy a + b = n?
(Some Olympiad, 1987)

I tried 3 cases and got 11, is that right?
Thanks in advance!
-- Karla
"""
CLEAN = "Let n be a positive integer with n <= 20. How many pairs (a, b) of distinct primes satisfy a + b = n?"


def test_taking_away_talk_changes_nothing() -> None:
    assert changes(POST, CLEAN) == ()


@pytest.mark.parametrize(
    ("clean", "change"),
    [
        (CLEAN.replace("20", "30"), ("+30", "-20")),
        (CLEAN.replace("distinct ", ""), ("-distinct",)),
        (CLEAN.replace("<=", "<"), ("+<", "-≤")),
        (CLEAN.replace(" with n <= 20", ""), ("-20", "-≤")),
        (CLEAN + " Give the answer modulo 9.", ("+9",)),
        (CLEAN.replace("b", "c"), ("+c", "-b")),
        ("", ("-everything",)),
    ],
)
def test_what_changed_is_named(clean: str, change: tuple[str, ...]) -> None:
    assert changes(POST, clean) == change


@pytest.mark.parametrize(
    ("post", "clean"),
    [
        ("Find three primes p &lt; 10,000.", "Find 3 primes $p < 10000$."),
        ("Find all x ≤ ½ with x ≠ 0.", "Find all $x \\leq \\frac12$ with $x \\neq 0$."),
        ("Compute \\frac12 of n² for n = 3.", "Compute $\\frac{1}{2}$ of n^2 for n = 3."),
        ("What's the value of x if x+1=2?", "What is the value of x if x+1=2?"),
        ("Sum of 1/n^2\n\nFind the sum of 1/n^2 over n.", "Find the sum of 1/n^2 over n."),
    ],
)
def test_notation_is_no_change(post: str, clean: str) -> None:
    assert [token for token in changes(post, clean) if token[1:] not in {"1", "2"}] == []


def test_a_sentence_said_twice_counts_once() -> None:
    assert changes("Find n if 2n = 6.\n\nFind n if 2n = 6!\n\nThanks", "Find n if 2n = 6.") == ()


def test_numbers_count_as_often_as_they_occur() -> None:
    assert changes("Draw 3 red and 3 blue balls. Find P.", "Draw 3 red and blue balls. Find P.") == ("-3",)


@given(st.text(max_size=200).filter(str.strip))
def test_a_text_is_no_change_of_itself(text: str) -> None:
    assert changes(text, text) == ()


@given(st.integers(2, 10**6), st.sampled_from("xyzkmn"))
def test_any_number_and_letter_is_seen(number: int, letter: str) -> None:
    assert quantities(f"Let {letter} be {number}.") == {str(number): 1, letter: 1}
