"""What was granted, and for how long it holds."""

from decimal import Decimal
from pathlib import Path

from tasks.ledger.budget import RUN, Budget, StageBudget
from tasks.ledger.grants import Grant, Grants, Request, budget_digest, limits, waived
from tasks.rows.storage import Storage

BUDGET = Budget(usd=Decimal(5), stages={"solve": StageBudget(usd=Decimal(3))})


def request(number: int, **other: object) -> Request:
    facts = {"at_ms": number, "flow_run": "f", "number": number, "words": "w", "of_budget": budget_digest(BUDGET)}
    return Request.model_validate({**facts, **other})


def test_the_last_grant_for_a_scope_holds_until_the_recipes_budget_is_another() -> None:
    granted = [
        Grant(request=request(0, scope=RUN), limit=8),
        Grant(request=request(1, scope="solve"), limit=7),
        Grant(request=request(2, scope=RUN), limit=9),
        Grant(request=request(3, stage="rate")),
    ]
    assert limits(BUDGET, granted) == {RUN: 9, "solve": 7}
    assert waived(BUDGET, granted) == ("rate",)
    edited = BUDGET.model_copy(update={"usd": Decimal(6)})
    assert limits(edited, granted) == {RUN: 6_000_000, "solve": 3_000_000}
    assert waived(edited, granted) == ()


def test_questions_and_answers_are_found_again(tmp_path: Path) -> None:
    notes = Grants(Storage(str(tmp_path)), "run")
    asked = [request(0, scope=RUN), request(1, scope=RUN), request(0, scope=RUN, flow_run="g")]
    for one in asked:
        notes.ask(one)
    answer = Grant(request=asked[1], limit=7)
    notes.answer(answer)
    notes.answer(answer)
    assert notes.requests("f") == asked[:2]
    assert notes.granted() == [answer]
