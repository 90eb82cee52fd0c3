"""Which rows are kept, which are duplicates of which, and which older intakes stand."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.collect.collecting import PROBLEMS, VERDICTS
from tasks.collect.duplicates import Settings
from tasks.collect.source import RawRow
from tasks.rows.normal_form import normal_form
from tasks.rows.problem import bucket, normal_text, problem_id
from tasks.rows.tables import table
from tests.tasks.intake import collect


def row(name: str, question: str = "", answer: str | None = None, fault: str | None = None) -> RawRow:
    return RawRow(
        row_id=name,
        source="forum",
        locator=f"f:{name}",
        question=question,
        answer=answer,
        fault=fault,
        source_id=name,
        url=f"https://example.org/{name}",
        licence="MIT",
    )


def fates(rows: list[RawRow], *earlier: list[RawRow]) -> dict[str, tuple[str, str | None, str | None]]:
    verdicts, _ = collect(rows, earlier)
    return {v["row_id"]: (v["verdict"], v["reason"], v["duplicate_of"]) for v in verdicts}


def test_a_kept_row_is_a_problem_with_its_origin() -> None:
    _, (problem,) = collect([row("a", "Find  $X$.", "4")])
    assert problem == {
        "problem_id": problem_id("Find $X$."),
        "bucket": bucket(problem_id("Find $X$.")),
        "row_id": "a",
        "source": "forum",
        "source_id": "a",
        "url": "https://example.org/a",
        "licence": "MIT",
        "original": "Find  $X$.",
        "question": "Find  $X$.",
        "source_answer": "4",
        "about": None,
    }


def test_faults_are_set_aside_and_empty_questions_are_dropped() -> None:
    rows = [row("a", "Find $x$."), row("b", fault="not JSON"), row("c", " \n"), row("d", fault="not JSON")]
    assert fates(rows) == {
        "a": ("keep", None, None),
        "b": ("quarantine", "unreadable", None),
        "c": ("drop", "empty", None),
        "d": ("quarantine", "unreadable", None),
    }
    verdicts, _ = collect(rows)
    assert next(v["detail"] for v in verdicts if v["row_id"] == "b") == "not JSON"


def test_of_equal_questions_the_first_with_an_answer_stays() -> None:
    rows = [row("a", "Find $x$."), row("b", "find  $x$", "4"), row("c", "FIND $x$?", "5"), row("d", "Find $y$.")]
    assert fates(rows) == {
        "a": ("drop", "duplicate_exact", "b"),
        "b": ("keep", None, None),
        "c": ("drop", "duplicate_exact", "b"),
        "d": ("keep", None, None),
    }


def test_of_equal_questions_without_answers_the_first_stays() -> None:
    rows = [row("b", "Find $x$."), row("a", "find $x$"), row("c", "Find $x$.", fault="bad")]
    assert fates(rows)["b"] == ("keep", None, None)
    assert fates(rows)["a"] == ("drop", "duplicate_exact", "b")


def test_what_an_older_intake_kept_stays_even_if_a_later_row_has_an_answer() -> None:
    assert fates([row("b", "find $x$", "4")], [row("a", "Find $x$.")]) == {"b": ("drop", "duplicate_exact", "a")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a\\ b", "a\\\nb"),
        ("1 \\quad 2", "1 \\quad\n2"),
        ("café", "cafe\u0301"),
        ("x\u00a0y", "x y"),
        ("a\\\n\n b", "a\\ b"),
    ],
)
def test_texts_of_one_identity_are_duplicates(one: str, other: str) -> None:
    assert problem_id(one) == problem_id(other)
    assert [fate[0] for fate in fates([row("1", one), row("2", other)]).values()] == ["keep", "drop"]


TEXTS = st.text(alphabet=st.sampled_from("ab$\\ \n,;éＡ²\u0301"), max_size=6)


@given(TEXTS)
def test_one_identity_has_one_normal_form(text: str) -> None:
    assert normal_form(text) == normal_form(normal_text(text))


ROWS = st.lists(st.tuples(TEXTS, st.none() | st.just("4"), st.none() | st.just("bad")), max_size=12).map(
    lambda made: [
        row(f"{i:02d}", "" if fault else text, answer, fault) for i, (text, answer, fault) in enumerate(made)
    ]
)


@settings(deadline=None, max_examples=20)
@given(ROWS)
def test_every_row_has_one_fate_and_problems_are_what_is_kept(rows: list[RawRow]) -> None:
    verdicts, problems = collect(rows)
    assert sorted(v["row_id"] for v in verdicts) == sorted(r.row_id for r in rows)
    kept = [v["row_id"] for v in verdicts if v["verdict"] == "keep"]
    assert sorted(kept) == sorted(problem["row_id"] for problem in problems)
    assert len({problem["problem_id"] for problem in problems}) == len(problems)
    assert {v["duplicate_of"] for v in verdicts} - {None} <= set(kept)
    assert all(v["reason"] for v in verdicts if v["verdict"] != "keep")
    assert table(verdicts, VERDICTS).height == len(rows)
    assert table(problems, PROBLEMS).height == len(problems)


@settings(deadline=None, max_examples=10)
@given(ROWS, st.integers(0, 12))
def test_collecting_in_two_intakes_finds_the_same_problems_as_in_one(rows: list[RawRow], cut: int) -> None:
    """By exact copies: of near ones the row that was collected first stands."""
    exact = Settings(near_duplicates=None)
    _, whole = collect(rows, settings=exact)
    _, first = collect(rows[:cut], settings=exact)
    _, second = collect(rows[cut:], [rows[:cut]], settings=exact)
    forms = [
        Counter(normal_form(p["question"]) or p["question"].strip() for p in ps) for ps in (whole, first + second)
    ]
    assert forms[0] == forms[1]
