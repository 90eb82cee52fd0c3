import pytest

from tasks.decontaminate.proof import SAME_PROBLEM, Proof, ProofIndex, prove
from tasks.rows.normal_form import normal_form

EQUAL = [
    ("Find  $x$.\n", "find x"),
    (r"What is $\dfrac{1}{2} + \tfrac{1}{2}$?", r"What is \(\frac12+\frac12\)"),
    (r"Solve $\left( x+1 \right)^{2} \leq 4$", r"solve $$(x+1)^2 \le 4$$."),
    (r"$f(x) \, = \; 3$", "f(x) = 3"),
    ("x ≥ 2 − y", r"x \geq 2 - y"),
    ("ﬁnd the ﬁrst", "find the first"),
    (r"\text{Find } 10^2", "Find 10²"),
    (r"a_{} b^{ }", "a b"),
    ("[asy] draw((0,0)--(1,1)); [/asy] Find AB.", "[asy]\ndraw( (0,0) -- (1,1) );\n[/asy]\nFind $AB$"),
]

DIFFERENT = [
    (r"Compute $\tan 225^\circ$.", r"Compute $\tan 22.5^\circ.$"),
    (r"Compute $\sqrt{x+1}$", r"Compute $\sqrt{x}+1$"),
    ("Compute 2(x+1)", "Compute 2x+1"),
    ("Compute 5!", "Compute 5"),
    ("Compute 10²", "Compute 102"),
    ("Compute .5 + 1", "Compute 5 + 1"),
    ("Compute f(1,2)", "Compute f(12)"),
    ("What is 5% of 80?", "What is 5 of 80?"),
    ("Is x <= 3", "Is x >= 3"),
    ("2 * 3", "23"),
    ("A ∪ B", "A ∩ B"),
    (
        'What is $x$ in the diagram? [asy] label("30",A); [/asy]',
        'What is $x$ in the diagram? [asy] label("60",A); [/asy]',
    ),
]


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_spelling_does_not_matter(left: str, right: str) -> None:
    assert normal_form(left) == normal_form(right) != ""


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_what_bears_on_the_answer_is_kept(left: str, right: str) -> None:
    assert normal_form(left) != normal_form(right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_what_bears_on_the_answer_is_never_proven(left: str, right: str) -> None:
    assert prove(left, right) not in SAME_PROBLEM


SIGNATURE = [
    (
        "A bag holds 3 red balls. A box holds 5 blue ones.",
        "A box holds five blue ones. The bag holds three red balls.",
    ),
    (
        r"Find $\emph{all}$ positive number $n$ with $n^{10} = 2$.",
        "Please find all positive numbers n with n^10 = 2.",
    ),
    ("Line one<br>is 4 cm, find its square.", "Line one is 4 cm, find its square."),
    ("Add \\frac{1}{2} to 7 and 8.", "Add \x0crac{1}{2} to 7 and 8."),
]

ONE_TEMPLATE = [
    ("Anna buys 3 pens for 2 dollars each.", "Anna buys twelve pens for 2.5 dollars each."),
    ("A bag holds 3 red balls and 5 blue balls.", "A bag holds 5 red balls and 3 blue balls."),
]

NOTHING = [
    ("Find the minimum of x + 3 over all x >= 7.", "Find the maximum of x + 3 over all x >= 7."),
    ("Anna gives the red pens to Bob in the garden.", "Bob gives the red pens to Anna in the garden."),
    ("Simplify f(x-1) + 3 g(x) for all x in R.", "Simplify f(x)-1 + 3 g(x) for all x in R."),
    ("Two drawings [asy]draw(A--B)[/asy] show what area?", "Two drawings [asy]draw(A--C)[/asy] show what area?"),
    ("What is 3 + 4?", "What is 5 + 4?"),
    (".", "?"),
]


@pytest.mark.parametrize(("left", "right"), SIGNATURE)
def test_one_problem_in_nearly_the_same_words_is_proven(left: str, right: str) -> None:
    assert prove(left, right) is prove(right, left) is Proof.SIGNATURE


@pytest.mark.parametrize(("left", "right"), ONE_TEMPLATE)
def test_other_numbers_in_the_same_places_are_one_template(left: str, right: str) -> None:
    assert prove(left, right) is prove(right, left) is Proof.TEMPLATE


@pytest.mark.parametrize(("left", "right"), NOTHING)
def test_a_changed_word_sign_drawing_or_order_proves_nothing(left: str, right: str) -> None:
    assert prove(left, right) is None


def test_lookup_gives_the_first_of_equal_questions_and_the_others_as_signatures() -> None:
    index = ProofIndex(["Find y.", "Find $x$.", "find x"])
    assert index.find("FIND x!") == {}
    assert index.find("  FIND $x$ ") == {1: Proof.EXACT, 2: Proof.SIGNATURE}


@pytest.mark.parametrize("pairs", [SIGNATURE, ONE_TEMPLATE, NOTHING])
def test_lookup_and_comparison_agree(pairs: list[tuple[str, str]]) -> None:
    index = ProofIndex([right for _, right in pairs])
    for place, (left, right) in enumerate(pairs):
        assert index.find(left).get(place) is prove(left, right)


def test_a_text_without_content_equals_nothing() -> None:
    assert ProofIndex(["???", "$$"]).find(" . ") == {}
