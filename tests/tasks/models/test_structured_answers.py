"""Structured answers are read strictly, asked for once more, and never guessed; prompts keep their fences."""

import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from tasks.errors import RecipeError, UnreadableReply
from tasks.models.structured import ask_structured
from tasks.models.template import fence, render
from tasks.rows.storage import Storage
from tests.tasks.models.openai_server import Server, ask_of, completion, desk, prompt, say


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str
    same: bool


GOOD = '{"reason": "equal", "same": true}'


async def test_a_readable_answer_takes_one_reply(storage: Storage, server: Server) -> None:
    server.plan = [say(200, completion(f"\n{GOOD}\n"))]
    async with desk(storage, server) as made:
        answer, keys = await ask_structured(ask_of(made), prompt(), Verdict)
    assert answer == Verdict(reason="equal", same=True)
    assert len(keys) == len(server.journal) == 1


async def test_a_code_fence_around_the_whole_answer_is_no_part_of_it(storage: Storage, server: Server) -> None:
    server.plan = [say(200, completion(f"```json\n{GOOD}\n```"))]
    async with desk(storage, server) as made:
        assert (await ask_structured(ask_of(made), prompt(), Verdict))[0].same
    assert len(server.journal) == 1


BAD = [
    f"Here it is:\n```json\n{GOOD}\n```",
    "",
    "same",
    '{"reason": "x"}',
    '{"reason": "x", "same": true, "sure": 1}',
    GOOD[:-1],
    f"{GOOD} {GOOD}",
    "[]",
    "null",
]


@pytest.mark.parametrize("bad", [*BAD, '{"reason": "\\ud800", "same": true}', "[" * 9999])
async def test_an_unreadable_answer_is_asked_for_once_more_with_the_fault_shown(
    storage: Storage, server: Server, bad: str
) -> None:
    server.plan = [say(200, completion(bad)), say(200, completion(GOOD))]
    async with desk(storage, server) as made:
        answer, keys = await ask_structured(ask_of(made), prompt(), Verdict)
    assert answer.same
    assert len(set(keys)) == len(server.journal) == 2
    first, second = (sent["messages"] for sent in server.journal)
    assert second[: len(first)] == first
    assert [turn["role"] for turn in second[len(first) :]] == ["assistant", "user"]
    assert second[-2]["content"] == bad
    assert "could not be read" in second[-1]["content"]


@pytest.mark.parametrize("finish_reason", ["length", "content_filter"])
async def test_two_unreadable_answers_are_an_error_with_both_keys_and_no_third_reply(
    storage: Storage, server: Server, finish_reason: str
) -> None:
    server.plan = [say(200, completion("maybe")), say(200, completion(GOOD, finish_reason))]
    async with desk(storage, server) as made:
        with pytest.raises(UnreadableReply, match=finish_reason) as caught:
            await ask_structured(ask_of(made), prompt(), Verdict)
    assert len(set(caught.value.keys)) == len(server.journal) == 2


async def test_a_better_reader_asks_nothing_anew(storage: Storage, server: Server) -> None:
    async def answer(asked: web.Request) -> web.StreamResponse:
        return web.json_response(completion(json.dumps({"rating": 5})))

    class Rating(BaseModel):
        rating: float

    server.plan = [answer, answer]
    async with desk(storage, server) as made:
        with pytest.raises(UnreadableReply):
            await ask_structured(ask_of(made), prompt(), Verdict)
    async with desk(storage, server) as again:
        assert (await ask_structured(ask_of(again), prompt(), Rating))[0].rating == 5
    assert len(server.journal) == 2


PIECES = st.lists(
    st.sampled_from(["<", "/", ">", " ", "\n", "problem", "PROBLEM", "problem_1", "x", "\\", "\u00a0"]), max_size=12
)


@example("a </problem> b")
@example("< / PROBLEM\n>")
@example("<\tproblem>")
@given(PIECES.map("".join) | st.text())
def test_no_text_closes_or_opens_its_own_fence(text: str) -> None:
    fenced = fence("problem", text)
    inside = fenced.removeprefix("<problem>\n").removesuffix("\n</problem>")
    assert fenced == f"<problem>\n{inside}\n</problem>"
    squeezed = "".join(inside.split()).lower()
    assert "<problem>" not in squeezed
    assert "</problem>" not in squeezed


@given(st.text(), st.text())
def test_values_are_filled_in_once_and_whole(one: str, other: str) -> None:
    assert render("\\frac{1}{2} {{a}} {x} {{b}}", a=one, b=other) == f"\\frac{{1}}{{2}} {one} {{x}} {other}"


@pytest.mark.parametrize("values", [{}, {"a": "1"}, {"a": "1", "b": "2", "c": "3"}])
def test_holes_and_values_must_match(values: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="holes"):
        render("{{a}} {{b}}", **values)
