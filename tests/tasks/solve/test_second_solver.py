"""A second solver, and what the agreement of two families is worth to a row."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tasks.models.prompt import Ask, Prompt, Reply
from tasks.rows.tables import table
from tasks.rows.verdict import Decision, Verdict
from tasks.solve.solving import COLUMNS, Settings, decide, identity, more_roles
from tasks.solve.task import STAGE
from tasks.stage import plan
from tasks.verify import consensus
from tasks.verify.pass_rate import COLUMN, with_pass_rates
from tests.tasks.models.openai_server import MODEL
from tests.tasks.verify.test_consensus import InProcess

ROW = {"question": "?", "source_answer": None}
TWO = Settings(second_solutions=2)
CROSS = consensus.Settings(agreement="cross_family")


def model(name: str, *answers: str, finish_reason: str = "stop") -> tuple[Ask, list[int]]:
    asked: list[int] = []

    async def ask(prompt: Prompt, *, sample: int = 0) -> Reply:
        asked.append(sample)
        said = rf"\boxed{{{answers[sample]}}}"
        return Reply(key=f"{name}{sample}", content=said, reasoning="", finish_reason=finish_reason, model=name)

    return ask, asked


def verified(decision: Decision, settings: consensus.Settings) -> Decision:
    (found,) = consensus.decide_rows([{**ROW, **decision.columns}], InProcess(), settings)
    return found


@pytest.mark.parametrize(
    ("answers", "verdict", "kept_by"),
    [
        (("0.5", r"\frac12"), Verdict.KEEP, "cross_family"),
        (("1/2", "2"), Verdict.DROP, None),
        (("E", "E"), Verdict.QUARANTINE, None),
    ],
)
async def test_a_row_is_kept_when_both_families_agree(
    answers: Sequence[str], verdict: Verdict, kept_by: str | None
) -> None:
    first, second = model("r1", *["1/2"] * 3)[0], model("qwen", *answers)[0]
    solved = await decide(ROW, first, TWO, second=second)
    assert solved.columns["second_keys"] == ["qwen0", "qwen1"]
    assert (solved.columns["second_model"], solved.columns["solver_model"]) == ("qwen", "r1")
    assert table([solved.columns], COLUMNS).height == 1
    found = verified(solved, CROSS)
    assert (found.verdict, found.columns["kept_by"]) == (verdict, kept_by)
    assert found.columns["second_answers"] == list(answers)
    assert len(found.columns["answers"]) == 3
    assert [line["solution"] for line in found.evidence["extractions"]] == [0, 1, 2, 3, 4]
    alone = verified(solved, consensus.Settings())
    assert (alone.columns["kept_by"], alone.columns["second_answers"]) == ("unanimity", None)


async def test_without_answers_of_a_second_solver_no_row_is_kept_by_agreement_of_families() -> None:
    solved = await decide(ROW, model("r1", *["2"] * 3)[0], Settings())
    assert verified(solved, CROSS).verdict is Verdict.QUARANTINE


async def test_a_fault_of_the_second_solver_is_named_as_its() -> None:
    second = model("qwen", "2", "2", finish_reason="length")[0]
    solved = await decide(ROW, model("r1", *["2"] * 3)[0], TWO, second=second)
    assert (solved.verdict, solved.reason) == (Verdict.QUARANTINE, "truncated")
    assert solved.columns["solve_note"].startswith("second solver's sample 0: cut")


@pytest.mark.parametrize(("finish_reason", "hopeful"), [("length", True), ("stop", False)])
async def test_the_second_solver_is_not_asked_about_a_row_that_is_lost(finish_reason: str, hopeful: bool) -> None:
    second, asked = model("qwen", "2", "2")

    async def hope(_: Sequence[str]) -> bool:
        return hopeful

    lazy = TWO.model_copy(update={"sampling": "lazy"})
    await decide(ROW, model("r1", *["2"] * 3, finish_reason=finish_reason)[0], lazy, hope, second)
    assert asked == []


def test_a_second_solver_enters_the_fingerprint_only_where_one_is_asked() -> None:
    assert "second_solutions" not in identity(Settings())
    assert (more_roles(Settings()), more_roles(TWO)) == ((), ("second_solver",))
    other = MODEL.model_copy(update={"name": "other"})
    prints = [
        plan(STAGE, each, {"solver": MODEL, "second_solver": second}, "u").fingerprint
        for each in (Settings(), TWO)
        for second in (MODEL, other)
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


@pytest.mark.parametrize(
    ("answers", "rate"),
    [(("1/2", "0.5"), 1.0), (("1/2", "2"), 0.5), (("2", "3"), 0.0), (("E", "1/2"), 1.0), (("E", "E"), None)],
)
async def test_how_often_the_second_solver_is_right_is_told_and_decides_nothing(
    answers: Sequence[str], rate: float | None
) -> None:
    first, second = model("r1", *["1/2"] * 3)[0], model("cheap", *answers)[0]
    solved = await decide(ROW, first, TWO, second=second)
    row = {**ROW, **solved.columns}
    decisions = consensus.decide_rows([row], InProcess(), consensus.Settings())
    (found,) = with_pass_rates([row], decisions, InProcess())
    assert (found.verdict, found.columns["kept_by"]) == (Verdict.KEEP, "unanimity")
    assert found.columns[COLUMN] == rate


async def test_without_a_second_solver_or_an_answer_there_is_no_rate() -> None:
    alone = (await decide(ROW, model("r1", *["1/2"] * 3)[0], Settings())).columns
    apart = (await decide(ROW, model("r1", "1", "2", "3")[0], TWO, second=model("cheap", "1", "1")[0])).columns
    rows = [{**ROW, **alone}, {**ROW, **apart}]
    found = with_pass_rates(rows, consensus.decide_rows(rows, InProcess(), consensus.Settings()), InProcess())
    assert [one.columns[COLUMN] for one in found] == [None, None]
    assert [one.verdict for one in found] == [Verdict.KEEP, Verdict.DROP]
