"""What collections print around a problem goes, and nothing of the problem does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.screen.artefacts import without_artefacts
from tasks.screen.bare import LONGEST
from tasks.screen.rewrite import changes
from tasks.screen.rules import screen


@pytest.mark.parametrize(
    "text",
    [
        "12. Find n.", "12) Find n.", "2.3.1 Find n.", "2.14. Find n.", "Problem 3: Find n.",
        "**Problem 3.** Find n.", "Question 7.\nFind n.", "Exercise 4.12) Find n.", "Q5. Find n.",
        "Problem A3. Find n.", "(AIME 1993, #4) Find n.", "Find n. (AIME 1993, #4)", "Find n. (Russia 1995)",
        "Find n. [USAMO 2003/1]", "Find n. (10 points)", "Find n. (All-Russian Olympiad 1998, Grade 9)",
        "(IMO Shortlist 2010, N3) Find n.", "Problem 2. (5 pts) Find n.",
        "3. Find n. (Putnam 1987, Problem B2)",
    ],
)  # fmt: skip
def test_numbers_points_and_contests_go(text: str) -> None:
    assert without_artefacts(text) == "Find n."
    assert changes(text, "Find n.") == ()


@pytest.mark.parametrize(
    "text",
    [
        "1. f is even. 2. f(0) = 1. Find f(1).",
        "(1) x > 0 (2) x < 5. How many integers x are there?",
        "3. 5 is a prime.",
        "1.5 litres of water are poured out of 7. What is left?",
        r"Compute \[2x^{2001} + 3 = 0.\]",
        "Find the sum of the digits of 2005. (Here 2005 is not a year.)",
        "Find all n with f(n) = (n + 1995)",
        "What is the value of (2004 - 1995)",
        "Problem 12",
        "(Russia 1995)",
        "A group of 2004 people (of 1995 families) meets. How many pairs (A, B) are there?",
        "Question about the order of a group",
    ],
)
def test_nothing_of_a_problem_goes(text: str) -> None:
    assert without_artefacts(text) == text


@given(st.text(alphabet="12.)( ,#ABab\n[]Q$", max_size=60))
def test_any_text_stays_a_text_and_is_done_at_once(text: str) -> None:
    once = without_artefacts(text)
    assert once in text
    assert bool(once) == bool(text.strip())


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", ["1. ", "(A ", "(A 1995 ", "[5 ", "Problem 1: ", "A, ", "test ", "lorem ipsum "])
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (40_000 // len(piece))
    without_artefacts(text)
    screen(text[:LONGEST], None)


@pytest.mark.labelled
@pytest.mark.parametrize("name", ["math_train", "omni_math", "gsm8k_train", "deepscaler_math"])
def test_clean_sets_lose_nothing_but_their_numbers(labelled_data: Path, name: str) -> None:
    lines = (labelled_data / "raw" / f"{name}.jsonl").read_text("utf-8").rstrip("\n").split("\n")
    questions = [json.loads(line)["question"].strip() for line in lines]
    changed = [one for one in questions if without_artefacts(one) != one]
    assert len(changed) <= 3
    assert all(one[0].isdigit() for one in changed), changed
