"""The last look at every row: what is dropped or set aside, and what stops the whole release."""

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.publish.publishing import Gate, Settings
from tasks.verify.pool import Verifier
from tests.tasks.publish.made import row as made


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier() as one:
        yield one


def row(identity: str, question: str = "Find $x$.", **other: Any) -> dict[str, Any]:
    return made(question, **{"problem_id": identity, **other})


def looked(
    verifier: Verifier, *rows: dict[str, Any], later: bool = True, **settings: Any
) -> tuple[Gate, dict[str, str]]:
    gate = Gate(Settings(**settings), verifier, rewritten_later=later)
    found = gate.decide(rows)
    return gate, {one["problem_id"]: str(d.reason or d.verdict) for one, d in zip(rows, found, strict=True)}


def test_a_whole_row_is_kept(verifier: Verifier) -> None:
    assert looked(verifier, row("a"))[1] == {"a": "keep"}
    assert looked(verifier)[1] == {}


@pytest.mark.parametrize("checked", [None, "Find $x$. ", "find $x$.", "Another question"])
def test_a_question_that_was_rewritten_after_its_last_decontamination_is_set_aside(
    verifier: Verifier, checked: str | None
) -> None:
    gate, found = looked(verifier, row("a", decontaminated_question=checked))
    assert found == {"a": "not_decontaminated"}
    assert not gate.changed


def test_where_nothing_rewrites_later_another_question_is_a_change(verifier: Verifier) -> None:
    gate, found = looked(verifier, row("a", decontaminated_question="Find $y$."), row("b"), later=False)
    assert list(gate.changed) == ["a"]
    assert found["b"] == "keep"


def test_a_row_that_was_never_decontaminated_is_set_aside(verifier: Verifier) -> None:
    never = row("a")
    del never["decontaminated_question"]
    gate, found = looked(verifier, never, later=False)
    assert found == {"a": "not_decontaminated"}
    assert not gate.changed


@pytest.mark.parametrize(
    "lack",
    [
        {"final_answer": ""},
        {"final_answer": None},
        {"final_answer": "  "},
        {"topic": None},
        {"difficulty_rounded": None},
        {"solutions": None},
        {"solutions": []},
        {"solutions": ["a", "b"]},
        {"solutions": ["a", "b", "c", "d"]},
        {"solutions": ["a", "", "c"]},
        {"solutions": ["a", None, "c"]},
        {"question": "", "decontaminated_question": ""},
    ],
    ids=repr,
)
def test_a_row_with_an_empty_column_is_set_aside(verifier: Verifier, lack: dict[str, Any]) -> None:
    assert looked(verifier, {**row("a"), **lack})[1] == {"a": "incomplete"}


def test_levels_bound_what_is_released(verifier: Verifier) -> None:
    rows = [row(f"{n}", f"Find $x_{n}$.", difficulty_rounded=n / 2) for n in range(8, 13)]
    rows.sort(key=lambda one: one["problem_id"])
    found = looked(verifier, *rows, levels=(4.5, 5.5))[1]
    assert {one for one, fate in found.items() if fate == "keep"} == {"9", "10", "11"}
    assert set(found.values()) == {"keep", "outside_levels"}


def test_of_equal_questions_the_least_identity_stays(verifier: Verifier) -> None:
    gate, found = looked(verifier, row("a", "Find $x$."), row("b", "find  x"), row("d", "Find $y$."))
    assert found == {"a": "keep", "b": "duplicate_question", "d": "keep"}
    [later] = gate.decide([row("e", "FIND x?")])
    assert later.reason == "duplicate_question"


def test_rows_must_come_in_order(verifier: Verifier) -> None:
    with pytest.raises(ValueError, match="comes after"):
        looked(verifier, row("b"), row("a"))


@pytest.mark.parametrize("lack", [{"topic": None}, {"decontaminated_question": "x"}])
def test_a_row_that_is_not_released_takes_no_other_with_it(verifier: Verifier, lack: dict[str, Any]) -> None:
    found = looked(verifier, row("a", **lack), row("b"), row("c"))[1]
    assert found["a"] != "keep"
    assert (found["b"], found["c"]) == ("keep", "duplicate_question")


@pytest.mark.parametrize(
    ("question", "answer", "fate"),
    [
        ("Is it so?", r"\text{No}", "unfit_type"),
        ("Find the option.", "(B)", "unfit_type"),
        ("Prove that $2^{10} > 1000$.", "1024", "unfit_type"),
        ("What is $2+3$? The answer is 5.", "5", "answer_leaked"),
        ("What is $2+3$? The answer is 55.", "5", "keep"),
        ("Find $x$. " * 3, "1" * 51, "too_long"),
        ("Find $x$ here. " * 30, "1", "too_long"),
    ],
)
def test_kind_leak_and_length_are_looked_at_again(verifier: Verifier, question: str, answer: str, fate: str) -> None:
    one = row("a", question, answer=answer, answer_type=None)
    assert looked(verifier, one, longest_answer=50, longest_question=300)[1] == {"a": fate}


@pytest.mark.parametrize(("kind", "fate"), [("expression", "keep"), ("set", "keep"), ("text", "unfit_type")])
def test_a_letter_is_released_where_it_stands_for_a_quantity(verifier: Verifier, kind: str, fate: str) -> None:
    one = row("a", "Which of the letters is the area?", answer="C", answer_type=kind)
    assert looked(verifier, one)[1] == {"a": fate}


BOX = "So $\\boxed{%s}$."


@pytest.mark.parametrize(
    "change",
    [
        {"final_answer": "42"},
        {"final_answer": "41.0"},
        {"solutions": [BOX % "41", BOX % "41", BOX % "42"]},
        {"solutions": [BOX % "41", "So it is 41, or so.", BOX % "41"]},
        {"kept_by": "unanimity and source", "source_answer": "40"},
        {"kept_by": "majority", "solutions": [BOX % "41", BOX % "42", BOX % "42"]},
        {"kept_by": "cross_family", "second_solutions": [BOX % "40"]},
    ],
    ids=repr,
)
def test_an_answer_that_no_longer_follows_is_a_change(verifier: Verifier, change: dict[str, Any]) -> None:
    gate, _ = looked(verifier, row("a", **change), row("b", "Find $y$."))
    assert list(gate.changed) == ["a"]


@pytest.mark.parametrize(
    "same",
    [
        {"final_answer": "1/2", "solutions": [BOX % "1/2", BOX % r"\frac12", BOX % "0.5"]},
        {"kept_by": "unanimity and source", "source_answer": "41"},
        {"kept_by": "majority", "solutions": [BOX % "41", BOX % "41", BOX % "42"]},
        {"kept_by": "cross_family", "second_solutions": [BOX % "41"]},
        {"kept_by": "unanimity", "second_solutions": [BOX % "40"]},
    ],
    ids=repr,
)
def test_an_answer_that_follows_by_the_rule_that_kept_it_stands(verifier: Verifier, same: dict[str, Any]) -> None:
    gate, found = looked(verifier, row("a", **same))
    assert found == {"a": "keep"}
    assert not gate.changed


def test_what_cannot_be_compared_again_is_set_aside_unless_a_judge_had_decided_it(verifier: Verifier) -> None:
    words = {
        "final_answer": "all primes",
        "solutions": [BOX % "all primes", BOX % "every prime number", BOX % "all primes"],
    }
    gate, found = looked(
        verifier, row("a", **words), row("b", "Find $y$.", verify_rule="judge, after words", **words)
    )
    assert found == {"a": "unconfirmed", "b": "keep"}
    assert not gate.changed
