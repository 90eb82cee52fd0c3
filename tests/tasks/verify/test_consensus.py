from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.rows.verdict import Verdict
from tasks.verify.compare import compare
from tasks.verify.consensus import COLUMNS, EVIDENCE, Reason, Settings, best_formed, decide_rows
from tasks.verify.outcome import Comparison, Equality, Pair


class InProcess:
    """The real comparison, without processes, counting what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Pair] = []

    def compare_all(self, pairs: Sequence[Pair]) -> list[Comparison]:
        self.asked.extend(pairs)
        return [compare(*pair) for pair in pairs]


def row(answers: Sequence[str | None], source: str | None = None) -> dict[str, Any]:
    texts = ["I do not know." if answer is None else rf"It is \boxed{{{answer}}}." for answer in answers]
    return {"solutions": [f"a thought: \\boxed{{0}}</think>{text}" for text in texts], "source_answer": source}


PARAGRAPH = "the sequence converges because it is monotone and bounded above by every one of its upper bounds"
CASES = [
    (("1/2", "0.5", r"\frac12"), None, Verdict.KEEP, None, None),
    (("1/2", "0.5", r"\frac12"), "50%", Verdict.KEEP, None, True),
    (("2", "2", "3"), None, Verdict.DROP, Reason.DISAGREEMENT, None),
    (("2", "2", "2"), "3", Verdict.DROP, Reason.DISAGREEMENT, False),
    (("252", "252", "252"), "C(10, 5), or equivalently 252", Verdict.KEEP, None, True),
    (("No", "No", "No"), "Yes", Verdict.DROP, Reason.DISAGREEMENT, False),
    (("E", "e", "E"), None, Verdict.QUARANTINE, Reason.UNDECIDED, None),
    (("E", "e", "F"), None, Verdict.DROP, Reason.DISAGREEMENT, None),
    (("2", "2", "2"), "two of them, as is easily seen", Verdict.QUARANTINE, Reason.UNDECIDED, None),
    (("2", "2", None), None, Verdict.QUARANTINE, Reason.UNDECIDED, None),
    (("2", "3", None), None, Verdict.DROP, Reason.DISAGREEMENT, None),
    (("2", "2"), None, Verdict.QUARANTINE, Reason.UNDECIDED, None),
    ((), None, Verdict.QUARANTINE, Reason.UNDECIDED, None),
    ((None, None, None), "2", Verdict.QUARANTINE, Reason.UNDECIDED, None),
    ((PARAGRAPH,) * 3, None, Verdict.DROP, Reason.UNVERIFIABLE, None),
]


@pytest.mark.parametrize(("answers", "source", "verdict", "reason", "agreed"), CASES)
def test_decisions(
    answers: Sequence[str | None], source: str | None, verdict: Verdict, reason: Reason | None, agreed: bool | None
) -> None:
    (decision,) = decide_rows([row(answers, source)], InProcess(), Settings())
    assert (decision.verdict, decision.reason, decision.columns["agreed_with_source"]) == (verdict, reason, agreed)
    assert decision.columns["answers"] == list(answers)
    assert (decision.columns["final_answer"] is None) == (verdict is not Verdict.KEEP)
    assert decision.columns["verify_rule"]


def test_every_decision_has_the_same_columns_and_comparisons_of_every_pair() -> None:
    decisions = decide_rows([row(answers, source) for answers, source, *_ in CASES], InProcess(), Settings())
    assert {tuple(decision.columns) for decision in decisions} == {tuple(COLUMNS)}
    assert {tuple(line) for each in decisions for line in each.evidence["comparisons"]} == {
        tuple(EVIDENCE["comparisons"])
    }
    comparisons = decisions[1].evidence["comparisons"]
    assert [(line["left"], line["right"]) for line in comparisons] == [
        ("1/2", "0.5"), ("1/2", r"\frac12"), ("0.5", r"\frac12"),
        ("50%", "1/2"), ("50%", "0.5"), ("50%", r"\frac12"),
    ]  # fmt: skip
    assert {line["verdict"] for line in comparisons} == {str(Equality.EQUAL)}


@pytest.mark.parametrize(
    ("answers", "unanimity", "majority"),
    [
        (("2", "2.0", "3"), Verdict.DROP, Verdict.KEEP),
        (("2", "3", "4"), Verdict.DROP, Verdict.DROP),
        (("E", "e", "F"), Verdict.DROP, Verdict.QUARANTINE),  # the first two may be the same
    ],
)
def test_a_majority_that_is_open_is_not_lost(answers: Sequence[str], unanimity: Verdict, majority: Verdict) -> None:
    verdicts = [
        decide_rows([row(answers)], InProcess(), Settings(agreement=rule))[0].verdict
        for rule in ("unanimity", "majority")
    ]
    assert verdicts == [unanimity, majority]


def test_a_pair_is_compared_once_whatever_its_order() -> None:
    verifier = InProcess()
    decide_rows([row(("2", "3", "2")), row(("3", "2", "3"))], verifier, Settings())
    assert sorted(verifier.asked) == [("2", "2", None), ("2", "3", None), ("3", "3", None)]


def test_order_of_solutions_does_not_change_the_published_answer() -> None:
    assert best_formed(["0.50", "1/2", "0.5"]) == best_formed(["0.5", "0.50", "1/2"]) == "0.5"


def test_settings_are_closed() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"workers": 4})
