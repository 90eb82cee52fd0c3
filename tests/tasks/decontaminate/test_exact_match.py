import pytest

from tasks.decontaminate.exact import ExactIndex
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


def test_lookup_gives_the_first_of_equal_questions() -> None:
    index = ExactIndex(["Find y.", "Find $x$.", "find x"])
    assert index.find("FIND x!") is None
    assert index.find("  FIND $x$ ") == 1


def test_a_text_without_content_equals_nothing() -> None:
    assert ExactIndex(["???", "$$"]).find(" . ") is None
