"""Which rows are one problem in nearly the same words, and which only look so."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.collect.duplicates import Settings
from tasks.collect.near import repeats
from tasks.collect.source import RawRow
from tasks.collect.texts import Repeat, Text
from tests.tasks.intake import collect

ROOTS = "Both roots of the quadratic equation $x^2 - 63x + k = 0$ are prime numbers. "
HOW_MANY = ROOTS + "How many possible values of $k$ are there?"
FIND = ROOTS + "Find the number of possible values of $k$."
TWINS = [
    ("reworded, same answer", HOW_MANY, "1", FIND, "1", True),
    ("reworded, answers differ", HOW_MANY, "1", FIND, "2", False),
    ("reworded, one without an answer", HOW_MANY, "1", FIND, None, False),
    ("another number", HOW_MANY, "1", HOW_MANY.replace("63", "65"), "1", False),
    ("another sign", HOW_MANY, "1", HOW_MANY.replace("+ k", "- k"), "1", False),
    ("another word, another answer", "Find the least $n$ with $n^2 > 50$.", "8",
     "Find the largest $n$ with $n^2 > 50$.", "9", False),
    ("sentences in another order, no answers", "Ann has 7 pens. Bob has 9 red books. How many things have they?",
     None, "Bob has 9 red books. Ann has 7 pens. How many things have they?", None, True),
    ("sentences in another order, answers differ", "Ann has 7 pens. Bob has 9 red books. How many things have they?",
     "16", "Bob has 9 red books. Ann has 7 pens. How many things have they?", "63", False),
    ("few common words", "What is the sum of 3 and 4?", "7", "Ann, 3 years old, waits 4 years. How old is she?", "7",
     False),
]  # fmt: skip


@pytest.mark.parametrize(("one", "answer", "other", "its", "same"), [case[1:] for case in TWINS],
                         ids=[case[0] for case in TWINS])  # fmt: skip
def test_what_repeats_what(one: str, answer: str | None, other: str, its: str | None, same: bool) -> None:
    a, b = Text("a", one, answer), Text("b", other, its)
    assert list(repeats([], [a, b], 0.6)) == (["b"] if same else [])
    assert list(repeats([a], [b], 0.6)) == (["b"] if same else [])
    assert list(repeats([b], [a], 0.6)) == (["a"] if same else [])


def test_the_evidence_names_the_row_that_stands_and_how_alike_they_are() -> None:
    found = repeats([Text("old", HOW_MANY, "1")], [Text("new", FIND, "1"), Text("newer", FIND + "!", "1")], 0.6)
    assert set(found) == {"new"}  # a sign more
    assert found["new"].of == "old"
    assert 0.6 <= found["new"].similarity < 1
    assert not repeats([Text("old", HOW_MANY, "1")], [Text("new", FIND, "1")], 0.95)


def test_a_row_is_only_compared_with_rows_that_stand() -> None:
    a = "Ann walks 5 miles along narrow roads to some old town where Bob lives and goes straight back home again."
    b = a.replace("narrow ", "")
    c = b.replace("straight ", "")
    assert repeats([], [Text("b", b, "10"), Text("c", c, "10")], 0.8)["c"].of == "b"
    found = repeats([], [Text("a", a, "10"), Text("b", b, "10"), Text("c", c, "10")], 0.8)
    assert found["b"].of == "a"
    assert "c" not in found


def test_of_several_the_most_similar_is_named() -> None:
    far, near = (f"Ann has 7 pens and Bob has 9 {thing}. How many have they in all?" for thing in ("caps", "pens"))
    row = Text("row", "Ann has 7 pens and Bob has 9 pens. How many have they both in all?", "16")
    standing = [Text("far", far, "16"), Text("near", near, "17"), Text("nearer", near.replace("in all", "all"), "16")]
    assert repeats(standing, [row], 0.5)["row"].of in ("far", "nearer")
    assert repeats([*standing, Text("nearest", near, "16")], [row], 0.5)["row"].of == "nearest"


def test_a_pool_of_near_copies_costs_no_quadratic_number_of_comparisons() -> None:
    """All in one group: same symbols, same answer, other words."""
    texts = [Text(f"r{i}", " ".join(f"{chr(97 + i % 26)}{chr(97 + i // 26)}w{chr(97 + j)}" for j in range(12)), "1")
             for i in range(600)]  # fmt: skip
    assert repeats([], texts, 0.6) == {}
    again = [Text(f"s{i}", text.question + " more", "1") for i, text in enumerate(texts)]
    assert repeats(texts, again, 0.6) == {f"s{i}": Repeat(f"r{i}", 0.9167, "near") for i in range(600)}


def raw(name: str, question: str, answer: str | None) -> RawRow:
    return RawRow(row_id=name, source="s", locator=f"f:{name}", question=question, answer=answer, source_id=name)


ROWS = [raw("a", HOW_MANY, None), raw("b", FIND, "1"), raw("c", HOW_MANY, "1"), raw("d", FIND.upper(), None)]


def test_collecting_drops_near_duplicates_with_their_evidence() -> None:
    verdicts, problems = collect(ROWS)
    found = {v["row_id"]: (v["reason"], v["duplicate_of"], v["similarity"]) for v in verdicts}
    assert [problem["row_id"] for problem in problems] == ["b"]
    reason, of, similarity = found["c"]
    assert (reason, of) == ("duplicate_near", "b")
    assert similarity > 0.6
    assert found["a"] == ("duplicate_exact", "b", None)  # a copy of c, which does not stand
    assert found["d"] == ("duplicate_exact", "b", None)


def test_the_paper_drops_exact_copies_only() -> None:
    verdicts, problems = collect(ROWS, settings=Settings(near_duplicates=None))
    assert {problem["row_id"] for problem in problems} == {"b", "c"}
    assert {v["reason"] for v in verdicts} == {None, "duplicate_exact"}


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.text(alphabet="ab 12+", max_size=12), st.sampled_from(["1", "2", None])), max_size=12))
def test_whatever_the_rows_a_duplicate_names_a_row_that_is_kept(pairs: list[tuple[str, str | None]]) -> None:
    verdicts, problems = collect([raw(f"{i:02}", text, answer) for i, (text, answer) in enumerate(pairs)])
    kept = {problem["row_id"] for problem in problems}
    assert {v["duplicate_of"] for v in verdicts} - {None} <= kept
    assert len(verdicts) == len(pairs)
