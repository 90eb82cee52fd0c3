from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import EndpointError
from tasks.models.prompt import Ask, Prompt, Reply
from tasks.rows.tables import table
from tasks.rows.verdict import Decision, Verdict
from tasks.solve.solving import (
    COLUMNS,
    Reason,
    Settings,
    decide,
    has_box,
    question,
    reasoning_and_answer,
    solution_text,
)

ROW = {"question": r"What is $2^{10}$?"}
SOLVED = Reply(
    key="k", content=r"So it is \boxed{1024}.", reasoning="Double ten times.", finish_reason="stop", model="r1"
)


def solver(*replies: Reply) -> Ask:
    async def ask(prompt: Prompt, *, sample: int = 0) -> Reply:
        return replace(replies[sample], key=f"key-{sample}")

    return ask


def assert_fits_table(decision: Decision) -> None:
    assert list(decision.columns) == list(COLUMNS)
    assert table([decision.columns], COLUMNS).height == 1


async def test_three_solutions_are_kept_in_order_with_reasoning_and_answer_apart() -> None:
    bare = replace(SOLVED, reasoning="", content=r"\boxed{2^{10}}")
    decision = await decide(ROW, solver(SOLVED, bare, SOLVED), Settings())
    assert decision.verdict is Verdict.KEEP
    whole = "<think>\nDouble ten times.\n</think>\n\nSo it is \\boxed{1024}."
    assert decision.columns == {
        "solutions": [whole, r"\boxed{2^{10}}", whole],
        "reasoning_chars": [17, 0, 17],
        "solution_keys": ["key-0", "key-1", "key-2"],
        "solver_model": "r1",
        "finish_reasons": ["stop"] * 3,
        "solve_note": None,
        "second_solutions": None,
        "second_keys": None,
        "second_model": None,
    }
    assert_fits_table(decision)


@pytest.mark.parametrize(
    "answer", ["(C)", r"\text{B}", "Yes.", "it follows from the convexity of the function that " * 10]
)
async def test_a_source_answer_that_cannot_be_verified_is_dropped_before_anything_is_asked(answer: str) -> None:
    decision = await decide({**ROW, "source_answer": answer, "answer_type": "number"}, solver(), Settings())
    assert (decision.verdict, decision.reason) == (Verdict.DROP, Reason.UNVERIFIABLE)
    assert_fits_table(decision)


async def test_a_letter_may_be_the_answer_where_a_formula_is_asked_for() -> None:
    row = {**ROW, "source_answer": "E", "answer_type": "expression"}
    assert (await decide(row, solver(SOLVED, SOLVED, SOLVED), Settings())).verdict is Verdict.KEEP


async def test_one_cut_solution_sets_the_row_aside_even_with_a_box_in_it() -> None:
    cut = replace(SOLVED, finish_reason="length")
    unboxed = replace(SOLVED, content="It is 1024.")
    decision = await decide(ROW, solver(unboxed, SOLVED, cut), Settings())
    assert (decision.verdict, decision.reason) == (Verdict.QUARANTINE, Reason.TRUNCATED)
    note = decision.columns["solve_note"]
    assert "sample 0: no " in note and "sample 2: cut" in note and "sample 1" not in note
    assert len(decision.columns["solutions"]) == 3
    assert_fits_table(decision)


@pytest.mark.parametrize("finish_reason", ["content_filter", "refusal", "tool_calls", ""])
async def test_a_solution_that_did_not_stop_by_itself_is_no_answer_and_says_how_it_ended(
    finish_reason: str,
) -> None:
    decision = await decide(ROW, solver(SOLVED, replace(SOLVED, finish_reason=finish_reason), SOLVED), Settings())
    assert (decision.verdict, decision.reason) == (Verdict.QUARANTINE, Reason.NO_ANSWER)
    assert decision.columns["solve_note"] == f"sample 1: ended with {finish_reason!r}"
    assert_fits_table(decision)


async def test_a_box_in_the_reasoning_alone_is_no_answer() -> None:
    musing = replace(SOLVED, reasoning=r"Perhaps \boxed{1000}?", content="I do not know.")
    decision = await decide(ROW, solver(SOLVED, SOLVED, musing), Settings())
    assert (decision.verdict, decision.reason) == (Verdict.QUARANTINE, Reason.NO_ANSWER)


async def test_a_model_that_changed_its_name_on_the_way_shows() -> None:
    decision = await decide(ROW, solver(SOLVED, replace(SOLVED, model="r1-new"), SOLVED), Settings())
    assert decision.columns["solver_model"] == "r1, r1-new"


async def test_an_endpoint_that_is_down_is_an_error_after_the_other_samples_have_landed() -> None:
    landed: list[int] = []

    async def ask(prompt: Prompt, *, sample: int = 0) -> Reply:
        if sample == 0:
            raise EndpointError("solver: no reply after 5 tries")
        await asyncio.sleep(0.01)
        landed.append(sample)
        return SOLVED

    with pytest.raises(EndpointError, match="no reply"):
        await decide(ROW, ask, Settings())
    assert landed == [1, 2]


async def test_samples_are_asked_at_the_same_time_and_as_many_as_the_settings_say() -> None:
    everyone_is_here = asyncio.Barrier(5)

    async def ask(prompt: Prompt, *, sample: int = 0) -> Reply:
        await everyone_is_here.wait()
        return replace(SOLVED, key=str(sample))

    decision = await asyncio.wait_for(decide(ROW, ask, Settings(solutions=5)), timeout=5)
    assert decision.columns["solution_keys"] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("reasoning", "content", "parts"),
    [
        ("\nthought\n", "\n\nanswer", ("thought", "answer")),
        ("thought", "a </think> b", ("thought", "a </think> b")),
        ("", "<think>\nthought\n</think>\n\nanswer", ("thought", "answer")),
        ("", "thought\n</think>\n\nanswer", ("thought", "answer")),
        ("", "<think>\n\n</think>\n\nanswer", ("", "answer")),
        ("", "answer", ("", "answer")),
        ("", "<think>\nthought that never ends", ("thought that never ends", "")),
        ("thought", "", ("thought", "")),
    ],
)
def test_reasoning_and_answer_are_told_apart_with_and_without_a_reasoning_parser(
    reasoning: str, content: str, parts: tuple[str, str]
) -> None:
    assert reasoning_and_answer(replace(SOLVED, reasoning=reasoning, content=content)) == parts


@given(
    st.text(st.characters(exclude_characters="<")).map(str.strip),
    st.text(st.characters(exclude_characters="<")).map(str.strip),
)
def test_the_released_text_reads_back_as_the_same_two_parts(reasoning: str, answer: str) -> None:
    stored = replace(SOLVED, reasoning="", content=solution_text(reasoning, answer))
    assert reasoning_and_answer(stored) == (reasoning, answer)


@pytest.mark.parametrize(
    "text",
    [
        r"\boxed{5}",
        r"\boxed {5}",
        r"\boxed{\frac{1}{2}}",
        r"\boxed{\left\{ x : x > 0 \right.}",
        r"so { \boxed{5}",
        r"} \boxed{5}",
        r"\boxed{} then \boxed{5}",
        r"\\\boxed{5}",
        r"\boxed{\boxed{5}}",
    ],
)
def test_boxes_are_found(text: str) -> None:
    assert has_box(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        r"\boxed",
        r"\boxed{",
        r"\boxed{5",
        r"\boxed{}",
        r"\boxed{ }",
        r"\boxed{\frac{1}{2}",
        r"\boxed{5\}",
        "{5}",
    ],
)
def test_what_is_no_whole_box_is_not_one(text: str) -> None:
    assert not has_box(text)


@given(st.text("ab{}\\ "), st.text("ab0 "))
def test_a_box_is_found_whatever_text_comes_before_or_after_it_on_lines_of_their_own(
    around: str, inside: str
) -> None:
    found = has_box(f"{around}\n\\boxed{{{inside}}}\n{around}")
    assert found or not inside.strip()


def test_a_long_run_of_open_boxes_is_read_in_one_pass() -> None:
    assert not has_box(r"\boxed{" * 200_000)


def test_the_prompt_is_one_user_turn_with_the_problem_fenced_last() -> None:
    prompt = question(r"</problem> {{problem}} \boxed{7} \1 { < /PROBLEM >", Settings())
    (message,) = prompt.messages
    assert message.role == "user"
    assert prompt.schema is None
    assert message.content.startswith(
        "Please reason step by step, and put your final answer within \\boxed{}.\n\n<problem>\n"
    )
    assert message.content.rstrip().endswith("\n</problem>")
    assert message.content.count("</problem>") == 1
    assert r"{{problem}} \boxed{7} \1 {" in message.content
    assert (prompt.sampling.temperature, prompt.sampling.top_p, prompt.sampling.max_tokens) == (0.6, 0.95, 32768)
