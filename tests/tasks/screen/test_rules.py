"""Each rule by what it must drop and by what fools rules of its kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.screen.reasons import Reason
from tasks.screen.rules import screen

DROPPED = [
    # proof
    ("Prove that n^5 - n is divisible by 30 for every positive integer n.", None, Reason.PROOF),
    ("Let $G$ be a group with $g^2=e$ for all $g$. Show that $G$ is abelian.", None, Reason.PROOF),
    ("If x, y, z > 0 and xyz = 1, show that x + y + z >= 3.", "3", Reason.PROOF),
    ("How do I prove that the harmonic series diverges?", None, Reason.PROOF),
    ("Please prove: for all a, b there is a c with a + c = b.", "0", Reason.PROOF),
    # no problem at all
    ("?", None, Reason.LENGTH),
    ("Find 1 + 1. " * 800, "2", Reason.LENGTH),
    ("[This question has been deleted]", None, Reason.BOILERPLATE),
    ("Please solve the following problems.", "4", Reason.BOILERPLATE),
    # yes/no
    ("Is 4^545 + 545^4 a prime number?", "No", Reason.YES_NO),
    ("Is the group of units of Z/24Z cyclic?", None, Reason.YES_NO),
    ("Let A and B be finite groups of the same order. Must they be isomorphic?", None, Reason.YES_NO),
    ("State if the functions f and g are inverses: f(x) = x, g(x) = 1/x", "no", Reason.YES_NO),
    ("Determine whether x^4 + 4 is irreducible over the rationals.", None, Reason.YES_NO),
    ("For integers a, b, if 3 divides ab, does 3 also divide a or b?", "Yes, because 3 is prime.", Reason.YES_NO),
    ("True or false: every continuous function is integrable.", None, Reason.YES_NO),
    # multiple choice
    ("Which is largest?\nA) 2^90\nB) 3^60\nC) 5^40", "B", Reason.MULTIPLE_CHOICE),
    (
        "The curve is $\\textbf{(A)}\\ 7\\qquad\\textbf{(B)}\\ 9\\qquad\\textbf{(C)}\\ 11$",
        "(C)",
        Reason.MULTIPLE_CHOICE,
    ),
    ("Which of the following are true?\nA. p\nB. q\nC. r", "\\text{A, C}", Reason.MULTIPLE_CHOICE),
    ("Which of the following is prime? a) 9 b) 11 c) 15", None, Reason.MULTIPLE_CHOICE),
    # several parts
    (
        "Let f(x) = x^3 - 3x + 1.\n(a) Find the critical points.\n(b) Find the number of roots.",
        None,
        Reason.MULTI_PART,
    ),
    ("Let $a=1$. (1) Find the minimum of $f$. (2) Find the maximum of $f$.", "2", Reason.MULTI_PART),
    ("Jan drove 260 miles in 4 hours. How many miles per hour is that? How many in a day?", "65", Reason.MULTI_PART),
    # lost picture
    ("In the figure below, how many paths lead from A to B?", "12", Reason.MISSING_IMAGE),
    ("What is the perimeter of the figure shown if x = 3?", "23", Reason.MISSING_IMAGE),
    ('Find the area. <img src="https://example.org/1.png">', "4", Reason.MISSING_IMAGE),
    ("A bar is made of 10 triangles as shown below. How many ways are there to cut it?", "5", Reason.MISSING_IMAGE),
    # leaked answer
    ("Compute 1/2 + 1/3. The book says the answer is 5/6.", "5/6", Reason.ANSWER_LEAKED),
    ("Find the sum of all divisors of 28.\nAnswer: 56", "56", Reason.ANSWER_LEAKED),
    ("Integrate x e^{-x}. I get $\\boxed{ 1 }$ on the half-line.", "1", Reason.ANSWER_LEAKED),
    (
        "Consider an n-gon of radius r; as n grows, its perimeter is $= \\pi r \\sqrt{2}$.",
        "\\pi r\\sqrt{2}",
        Reason.ANSWER_LEAKED,
    ),
    # nothing asked
    ("Thanks to everybody who replied to my thread!", None, Reason.NOT_A_QUESTION),
    ("Our reading group on topology meets on Tuesdays.", None, Reason.NOT_A_QUESTION),
    # answers that no program could compare
    ("Find the eigenvalues of a rotation of space.", "See below.", Reason.UNVERIFIABLE),
    ("Find the fastest way to compute F_n.", "It depends on n.", Reason.UNVERIFIABLE),
    ("Compute the limit.", "left as an exercise", Reason.UNVERIFIABLE),
    ("Find all solutions.", "one sees at once that " * 8, Reason.UNVERIFIABLE),
    ("Explain the intuition behind the determinant.", None, Reason.UNVERIFIABLE),
    # what is not in the text
    ("Using the result of the previous exercise, find f(3).", "5", Reason.NOT_SELF_CONTAINED),
    (
        "Sei f eine stetige Funktion auf dem Intervall. Bestimmen Sie die Nullstellen und das Maximum.",
        None,
        Reason.NOT_ENGLISH,
    ),
    ("Evaluate $\\frac{1}{2 + \\frac{1}{3}$.", "3/7", Reason.BROKEN_MARKUP),
]

KEPT = [
    # words of proof without a proof
    ("In what year will the census show that the number of wrens is less than 10% of today's?", "2009"),
    ("Find, with proof, the largest integer N such that N < 5000 and N is not a sum of cubes.", "4950"),
    ("Either prove that n^2+n+41 is always prime or find the smallest n for which it is not.", "40"),
    ("Show that f has a minimum, and find it: f(x) = x^2 + 2x.", "-1"),
    # auxiliary verbs without a yes/no question
    ("If 7:30 a.m. was 16 minutes ago, how many minutes will it be until 8:00?", "14"),
    ("How many even positive factors does 2^3 * 3^2 * 5 have?", "18"),
    ("Find x + y + z. Is x+y+z equivalent to y+x+z?", "14"),
    ("Does the limit of a_n = sqrt(6 + a_(n-1)) exist, and if so, find it.", "The limit exists and is equal to 3"),
    ("Is it possible to select such a sequence, and if so, what is it?", "Yes, and the sequence is 1/2, 1/4, ..."),
    ("Bill is trying to decide whether to bake 12 or 15 muffins. What is the difference?", "3"),
    ("A program outputs TRUE or FALSE for each of 16 inputs. How many programs are there?", "65536"),
    ("Is there a closed form for the sum of k^2 for k up to n?", None),
    # letters that are no options
    ("Five friends A, B, C, D and E sit in a row. In how many orders can they sit?", "120"),
    ("The array has five columns (A, B, C, D, E). In which column is 2001?", "B"),
    ("If P(A) = 1/2, P(B) = 1/3 and P(C) = 1/4 are independent, find P(A or B or C).", "3/4"),
    ("$\\textbf{(A)}\\ 7\\qquad\\textbf{(B)}\\ 13\\qquad\\textbf{(C)}\\ 15$ Find 6 + 7.", "13"),
    # marks and numbers that are no parts
    ("How many fillings satisfy both conditions? (a) Each row has a 1. (b) Each column has a 2.", "288"),
    ("Compute (x - 1) + (x - 2) + (x - 3) for x = 2.", "0"),
    ("Let a = 1. Let b = 2. Find a + b.", "3"),
    # pictures that are there, or were never meant
    ("The values are in the table below.\n| x | 1 |\n|---|---|\n| y | 2 |\nFind y.", "2"),
    ("In the diagram, find x. [asy] draw((0,0)--(1,1)); [/asy]", "1"),
    ("The cities form a right-angled triangle as shown, with C 3000 km from A. Find BC.", "1"),
    ("The graph of the line y = ax + b passes through (0, 1) and (1, 3). Find a.", "2"),
    ("A circular table only seats six. In how many ways can eight people take turns?", "28"),
    ("Find the sum of 1/2 and 1; my friend says the answer is 1.5 or more.", "1"),
    # answers that occur in the question by chance or by right
    ("Find the phase shift of y = 3 sin(x - \\pi/5).", "\\frac{\\pi}{5}"),
    ("What is the range of f on $[1,\\infty)$?", "[1,\\infty)"),
    ("Compute x/w if (x + 6y)/(4w) = (z - 2y)/(x - w) = \\frac{2}{3}.", "\\frac{2}{3}"),
    ("The answer is of the form m/n in lowest terms; find m + n for the sum 1/2 + 1/3.", "11"),
    # short forms of asking
    ("If the radius is 3, then the area is ___.", "9\\pi"),
    ("Distribute: 4(8n - 2)", "32n-8"),
    # answers in words that can be compared
    ("Find all integer solutions of x^2 - 3y^2 = 17.", "No integer solutions"),
    ("Find all possible values of n mod 9.", "0 is the only possible value"),
    ("Find the limit of the sequence.", "The limit exists and is equal to 2"),
    ("Find all positive solutions of 2^x - 1 = 3^y.", "x=2, y=1"),
]


@pytest.mark.parametrize(("question", "answer", "reason"), DROPPED)
def test_dropped(question: str, answer: str | None, reason: Reason) -> None:
    found = screen(question, answer)
    assert found is not None
    assert found.reason == reason
    assert 0 < len(found.matched) <= 120


@pytest.mark.parametrize(("question", "answer"), KEPT)
def test_left_to_the_model(question: str, answer: str | None) -> None:
    assert screen(question, answer) is None


def test_every_reason_of_a_rule_has_an_example() -> None:
    by_model_only = {Reason.INVALID, Reason.UNREADABLE_REPLY, Reason.REWRITE_CHANGED}
    assert {reason for *_, reason in DROPPED} == set(Reason) - by_model_only


def test_html_is_read_before_the_rules_look() -> None:
    assert screen("<p>Find n with n &lt; 5 &amp; n &gt; 3.</p>", "4") is None
    found = screen("<p>Let n&gt;1.</p><p>Prove&nbsp;that 2^n &gt; n.</p>", None)
    assert found is not None
    assert found.reason == Reason.PROOF


def test_talk_around_a_yes_no_question_does_not_hide_it() -> None:
    found = screen("Hello!\nIs 2^67 - 1 a prime number?\nI have no idea how to start.\nThanks in advance!", None)
    assert found is not None
    assert (found.reason, found.matched) == (Reason.YES_NO, "Is 2^67 - 1 a prime number?")


def test_asking_whether_ones_own_work_is_right_is_no_yes_no_question() -> None:
    assert screen("Find the remainder of 5^133 modulo 8. I got that it is odd. Is this correct?", None) is None


@pytest.mark.parametrize(
    "piece",
    [
        "(A) ",
        "prove ",
        "what is ",
        ". ",
        "<",
        "(a) ",
        "\\boxed{",
        "answer is 1",
        "[2001 ",
        "a) b) c) ",
        "\\begin{a}",
        "find also ",
        "if ",
        "http://",
        "is\n",
        "too find ",
    ],
)
@pytest.mark.timeout(30)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    screen(piece * (60_000 // len(piece)), "12345")


def lines(folder: Path, source: str) -> list[str]:
    """Lines of one raw set, cut at line feeds only (texts hold other line separators)."""
    return (folder / "raw" / f"{source}.jsonl").read_text("utf-8").rstrip("\n").split("\n")


@pytest.mark.labelled
@pytest.mark.parametrize(("source", "most"), [("math_train", 0.02), ("omni_math", 0.02), ("gsm8k_train", 0.001)])
def test_clean_sets_lose_next_to_nothing(labelled_data: Path, source: str, most: float) -> None:
    rows = [json.loads(line) for line in lines(labelled_data, source)]
    dropped = [row["id"] for row in rows if screen(row["question"], row["answer"])]
    assert len(dropped) < most * len(rows), dropped[:20]


@pytest.mark.labelled
def test_forum_posts_lose_their_proofs(labelled_data: Path) -> None:
    found = [screen(json.loads(line)["question"], None) for line in lines(labelled_data, "mse_arqmath")]
    assert sum(one is not None and one.reason == Reason.PROOF for one in found) > 0.15 * len(found)
