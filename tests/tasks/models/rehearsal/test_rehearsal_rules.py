"""Judge, rater, screener and topic by example and property; none knows more than the text."""

from __future__ import annotations

import json
import os
from pathlib import Path
from statistics import mean
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.models.rehearsal.champ import problems
from tasks.models.rehearsal.chatter import without_chatter
from tasks.models.rehearsal.converter import convert
from tasks.models.rehearsal.judge import judge, judge_all
from tasks.models.rehearsal.rater import rate
from tasks.models.rehearsal.screener import screen
from tasks.models.rehearsal.topic import classify

SHARED = Path(os.environ.get("LABELLED_DATA", Path(__file__).parents[5] / "shared" / "data"))
TEXTS = st.text(max_size=300)
LABELS = ("same", "paraphrase", "similar-but-different", "unrelated")


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ("Find 3^105+4^105 mod 7.", "Find $3^{105}+4^{105} \\bmod 7$.", "same"),
        ("Find 3^105+4^105 mod 7.", "Find 3^105+4^105 mod 11.", "different"),
        (
            "How many ways can 3 dogs share 8 bones?",
            "In how many ways may eight bones be shared by three dogs?",
            "same",
        ),
        (
            "Ann has 3 red hats and 5 blue hats. How many hats does Ann have?",
            "Ann keeps 3 red hats and 5 blue caps on a shelf. What is their total?",
            "unsure",
        ),
        (
            "Jewel serves 50 people a day and Julie twice as many. How many do both serve in 7 days?",
            "Every day Jewel serves 50 people, and Julie serves double that. What do the two serve in 7 days?",
            "same",
        ),
        (
            "For positive a, b, c, what is the smallest value of (a^3+b^3+c^3)/((a+b+c)(a^2+b^2+c^2))?",
            "What is the smallest value of a^3+b^3+c^3-a^2*b-b^2*c-c^2*a for positive a, b, c?",
            "unsure",
        ),
        (
            "Find the area of a circle of radius 2.",
            "Compute the determinant of the matrix M with rank 2.",
            "different",
        ),
    ],
)
def test_judge(one: str, other: str, verdict: str) -> None:
    assert judge(one, other)["verdict"] == verdict


def test_judge_numbers_its_answers_on_several_problems() -> None:
    problem, others = "Find 3^105+4^105 mod 7.", ["Find 3^105+4^105 mod 11.", "Find $3^{105}+4^{105} \\bmod 7$."]
    told = judge_all([problem, *others])["verdicts"]
    assert [(one["number"], one["verdict"]) for one in told] == [(2, "different"), (3, "same")]


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_judge_does_not_mind_the_order(one: str, other: str) -> None:
    assert judge(one, other) == judge(other, one)


@settings(deadline=None)
@given(TEXTS, st.integers(0, 20))
def test_ratings_are_half_steps_on_the_scale_and_repeatable(text: str, sample: int) -> None:
    rating = rate(text, sample)["rating"]
    assert 1 <= rating <= 10
    assert rating * 2 == int(rating * 2)
    assert rate(text, sample)["rating"] == rating


def test_six_ratings_differ_around_one_mean() -> None:
    ratings = [rate("Find all primes p such that p^2+2 is a prime.", sample)["rating"] for sample in range(6)]
    assert len(set(ratings)) == 3
    assert mean(ratings[:3]) == mean(ratings[3:])


@pytest.mark.parametrize(
    "text",
    [
        "What is 17 + 25?",
        "Tom has 3 apples and buys 5 more. How many apples does he have?",
        "A shirt costs 20 dollars. It is sold at 25 percent off. What is the price now?",
        "Solve for x: 2x+3=11",
    ],
)
def test_school_problems_are_easy(text: str) -> None:
    assert mean(rate(text, sample)["rating"] for sample in range(3)) < 4


def test_competition_problems_lie_in_the_middle() -> None:
    means = [mean(rate(problem.text, sample)["rating"] for sample in range(3)) for problem in problems()]
    assert 5 <= mean(means) <= 6
    assert sum(5 <= value <= 7 for value in means) > len(means) / 2


@pytest.mark.parametrize(
    ("post", "reason"),
    [
        ("What should I cook tonight?", "not_a_question"),
        ("Prove that there are infinitely many primes.", "proof"),
        ("Is $4^{545}+545^4$ a prime number?", "yes_no"),
        ("True or false: every bounded sequence converges.", "yes_no"),
        ("Which of the following is prime? (A) 4 (B) 6 (C) 7 (D) 9", "multiple_choice"),
        ("(a) Find the derivative of x^2. (b) Find the integral of x^2.", "multi_part"),
        ("Find the minimum of x^2+1 and also find the maximum of 1-x^2.", "multi_part"),
        ("In the figure below, find the area of the shaded triangle.", "missing_image"),
        ("Find x such that 2x+3=11. The answer is 4.", "answer_leaked"),
        ("Using the function defined above, find f(3).", "not_self_contained"),
        ("Why is 0! equal to 1?", "unverifiable"),
        ("Find the integer n with n > 9 and n < 5.", "invalid"),
        ("Find the integer n with n > 5 and n < 7.", None),
        ("Find, with proof, the largest integer N such that N^3 < 1000.", None),
        ("If n=2^3*3^2*5, how many even positive factors does n have?", None),
        ("Does the limit of a_n = 1/n exist, and if so, find it.", None),
    ],
)
def test_screener_names_the_fault(post: str, reason: str | None) -> None:
    assert screen(post)["drop_reason"] == reason


@pytest.mark.parametrize(
    ("post", "question"),
    [
        (
            "Hi everyone! I found this in my textbook and I'm stuck: How many subsets of $\\{1, 2, 3\\}$ are there?"
            " Any hints? Thanks in advance!\n\n-- Tom",
            "How many subsets of $\\{1, 2, 3\\}$ are there?",
        ),
        (
            "Hello all,\n\nMy teacher gave us this problem today: Find the remainder of $x^{100}$ mod $x^2-1$.\n\n"
            "I tried long division but it gets messy. Can anyone help?\n\nCheers,\nAnna",
            "Find the remainder of $x^{100}$ mod $x^2-1$.",
        ),
        ("Hey guys! 1324 people stand in a circle. Plz help!!", "1324 people stand in a circle."),
        ("What is the minimum of |36^m - 5^n|? thx", "What is the minimum of |36^m - 5^n|?"),
    ],
)
def test_chatter_goes_and_the_problem_stays(post: str, question: str) -> None:
    assert without_chatter(post) == question


def test_nothing_is_taken_from_posts_without_chatter() -> None:
    assert [without_chatter(problem.text) for problem in problems()] == [problem.text for problem in problems()]


@settings(deadline=None)
@given(TEXTS)
def test_screener_always_answers_in_its_schema(post: str) -> None:
    found = screen(post)
    assert list(found) == [
        "reason", "self_contained", "single_question", "verifiable", "drop_reason", "answer_type", "question",
    ]  # fmt: skip
    sound = found["self_contained"] and found["single_question"] and found["verifiable"]
    assert sound or found["drop_reason"]


@pytest.mark.parametrize(
    ("question", "open_form"),
    [
        ("What is 2 + 3? (A) 4 (B) 5 (C) 6", "What is 2 + 3?"),
        ("Which is a prime? (A) 4 (B) 5 (C) 6", None),
        ("Is there an even prime?", "How many are there of this kind: even prime?"),
        ("Is 7 a prime?", None),
    ],
)
def test_converter_cuts_off_options_and_counts_what_may_exist(question: str, open_form: str | None) -> None:
    assert convert(question)["question"] == open_form


@pytest.mark.parametrize("piece", ["(a) ", "(A) (B) ", "prove ", "is a, ", "i found a question ", "\n-", "hi "])
def test_hostile_posts_cost_no_time(piece: str) -> None:
    begin = perf_counter()
    screen(piece * (40_000 // len(piece)))
    assert perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("Find all primes p such that p+2 is prime.", ["Mathematics", "Number Theory", "Prime Numbers"]),
        ("How many subsets and how many permutations are there?", ["Mathematics", "Discrete Mathematics"]),
        ("Find the angle between the sides of the triangle.", ["Mathematics", "Geometry", "Plane Geometry"]),
        ("Find the crossings of a knot of which no knots have fewer.", ["Mathematics", "Topology", "Knots"]),
        ("Colourless green ideas sleep furiously.", ["Mathematics", "Other"]),
    ],
)
def test_topic(text: str, start: list[str]) -> None:
    assert classify(text)["chain"][: len(start)] == start


@pytest.mark.labelled
@pytest.mark.skipif(not SHARED.exists(), reason="no labelled data here")
def test_judge_on_labelled_pairs() -> None:
    rows = [json.loads(line) for line in (SHARED / "pairs" / "contamination.jsonl").open(encoding="utf-8")]
    same: dict[str, list[bool]] = {label: [] for label in LABELS}
    for row in rows:
        found = judge(row["candidate"], row["benchmark_question"])["verdict"] == "same"
        same[row["label"]].append(found)
    assert mean(same["same"]) > 0.95
    assert mean(same["paraphrase"]) > 0.7
    assert mean(same["similar-but-different"]) < 0.03
    assert not any(same["unrelated"])
    found, false = (sum(sum(same[label]) for label in part) for part in (LABELS[:2], LABELS[2:]))
    assert 2 * found / (len(same["same"]) + len(same["paraphrase"]) + found + false) > 0.83
