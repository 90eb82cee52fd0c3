"""Whatever texts may be duplicates of each other share a name, and whatever shares a name shares the group."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.collect.duplicates import Settings
from tasks.collect.names import COMPARED, Names, names
from tasks.collect.near import similarity
from tasks.collect.semantic import Settings as Semantic
from tasks.collect.texts import Text

ON = Settings(semantic_duplicates=Semantic())
PIECES = (
    *(
        "1",
        "2",
        "12",
        "1.5",
        ".5",
        "1,000",
        "½",
        "²",
        "३",
        "three",
        "twelve",
        "x",
        "Find",
        "pens",
        "the",
        "min",
        "max",
    ),
    *("+", "-", "−", "=", "<", ">", r"\le", r"\ge", "≠", "=\u0338", r"\frac12", r"\frac{1}{2}", "^2", "^{2}", "_1"),
    *(
        "$",
        r"\(",
        r"\)",
        ". ",
        "; ",
        "?",
        "!",
        ",",
        "{,}",
        r"\,",
        "&",
        "~",
        "<br>",
        "<p",
        "/>",
        r"\emph{2}",
        r"\text{+}",
    ),
    *("[asy]", "draw(1+1);", "[/asy]", r"\\", "\\", "{", "}", "\n", "\u200b", "\ud800", "rac", "imes", "drawing"),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=7).flatmap(
    lambda made: st.sampled_from((" ", "")).map(lambda between: between.join(made))
)
ANSWERS = st.sampled_from((None, "", "1", "$1$", "2"))


def assert_one_group(one: Names, other: Names) -> None:
    """Of rows that share one of the compared names."""
    for name in COMPARED:
        if getattr(one, name) is not None and getattr(one, name) == getattr(other, name):
            assert one.group == other.group


@given(TEXTS, ANSWERS, TEXTS, ANSWERS)
def test_rows_with_a_name_in_common_are_in_one_group(
    one: str, answer: str | None, other: str, its: str | None
) -> None:
    assert_one_group(names(one, answer, ON), names(other, its, ON))


@given(st.permutations(PIECES), st.integers(0, 9), st.randoms(), ANSWERS)
def test_so_are_those_that_only_differ_in_words_and_their_order(
    pieces: list[str], count: int, random: Random, answer: str | None
) -> None:
    own = pieces[:count]
    shuffled = random.sample(own, count)
    assert_one_group(names(" ".join(own), answer, ON), names(" ".join(shuffled), answer, ON))
    assert_one_group(names(" ".join(own), answer, ON), names(" ".join([*shuffled, "pears"]), answer, ON))


@given(TEXTS, ANSWERS, TEXTS, ANSWERS)
def test_near_duplicates_have_a_name_in_common(one: str, answer: str | None, other: str, its: str | None) -> None:
    a, b = Text("a", one, answer), Text("b", other, its)
    if a.signature.symbols == b.signature.symbols and similarity(a, b, 0.6) is not None:
        left, right = names(one, answer, ON), names(other, its, ON)
        assert left.words == right.words or (left.symbols is not None and left.symbols == right.symbols)


@pytest.mark.parametrize(("one", "other"), [("Add 1 2.", "Add 12."), ("three x", "threex")])
def test_copies_may_be_in_other_groups_so_that_they_are_found_first(one: str, other: str) -> None:
    a, b = names(one, None, ON), names(other, None, ON)
    assert a.form == b.form
    assert a.group != b.group


def test_a_drawing_is_a_quantity_but_no_symbol() -> None:
    a, b = (names(f"Find $x+1$. [asy] draw({what}); [/asy]", "2", ON) for what in "ab")
    assert a.quantities != b.quantities
    assert (a.symbols, a.group) == (b.symbols, b.group)


def test_what_the_settings_do_not_compare_has_no_name() -> None:
    nothing = names("Find $x+1$.", "2", Settings(near_duplicates=None))
    assert nothing[1:4] == (None, None, None)
    assert names("Find $x+1$.", "2", Settings()).quantities is None
    assert names("Find $x+1$.", None, ON)[2:4] == (None, None)
