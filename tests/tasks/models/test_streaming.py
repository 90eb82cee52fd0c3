"""Streamed replies: put together whole, cut when they stall or break off, never priced without usage."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from tasks.ledger import spend
from tasks.models import wire
from tasks.models.answer import facts
from tasks.models.client import send
from tasks.models.endpoint import Endpoint, Line
from tasks.models.prompt import Prompt, Sampling, user
from tasks.models.rehearsal.faults import Fault, FaultPlan
from tasks.models.rehearsal.journal import Journal
from tasks.models.rehearsal.server import application
from tasks.models.rehearsal.streaming import chunks
from tasks.models.request import Model, request
from tasks.models.streaming import Assembly, BrokenStream, Events
from tasks.rows.storage import Storage
from tests.tasks.models.openai_server import PRICE, Server, ask_of, completion, desk, outcomes, prompt

USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "prompt_tokens_details": {"cached_tokens": 400}}
STALL = {"stall_seconds": 0.3}


def sent(*data: Any) -> bytes:
    texts = (one if isinstance(one, str) else json.dumps(one) for one in data)
    return b"".join(f"data: {text}\n\n".encode() for text in texts)


def streamed(content: str = "2", *, usage: bool = True, **message: str) -> list[Any]:
    whole = completion(content)
    whole["choices"][0]["message"] |= message
    return [*chunks(whole, usage=usage), "[DONE]"]


def tell(*parts: Any, pause: float = 0.0) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Send each part as an event, bytes as they are, and wait `pause` seconds before the last."""

    async def answer(asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(asked)
        for i, part in enumerate(parts):
            await asyncio.sleep(pause if i == len(parts) - 1 else 0)
            await response.write(part if isinstance(part, bytes) else sent(part))
        return response

    return answer


@given(st.lists(st.text()), st.integers(1, 7))
def test_events_are_the_same_however_the_bytes_are_cut(texts: list[str], size: int) -> None:
    wanted = [json.dumps(text) for text in texts]
    raw = b": comment\r\n\r\n" + b"".join(f"event: x\r\ndata: {text}\r\n\r\n".encode() for text in wanted)
    events = Events()
    assert [data for i in range(0, len(raw), size) for data in events.feed(raw[i : i + size])] == wanted


@given(st.text(), st.text(), st.sampled_from(["reasoning", "reasoning_content"]))
def test_what_is_stored_reads_like_the_reply_in_one_piece(content: str, thought: str, field: str) -> None:
    whole = completion(content)
    whole["choices"][0]["message"][field] = thought
    heard = Assembly()
    for data in [*map(json.dumps, chunks(whole, usage=True)), "[DONE]"]:
        heard.add(data)
    assert heard.done
    assert heard.body().isascii()
    assert wire.reply("k", heard.body()) == wire.reply("k", json.dumps(whole))
    assert wire.usage(json.loads(heard.body())) == wire.usage(whole)


def test_the_stored_form_is_frozen() -> None:
    heard = Assembly()
    for data in streamed("2", reasoning_content="1+1"):
        heard.add(data if isinstance(data, str) else json.dumps(data))
    assert heard.body() == (
        '{"choices":[{"finish_reason":"stop","index":0,"message":{"content":"2","reasoning_content":"1+1",'
        '"role":"assistant"}}],"model":"test/model","object":"chat.completion","streamed":true,'
        '"system_fingerprint":"fp","usage":{"completion_tokens":500,"prompt_tokens":1000,'
        '"prompt_tokens_details":{"cached_tokens":400}}}'
    )


def test_halves_of_a_character_find_each_other() -> None:
    heard = Assembly()
    for half in (r"\ud83d", r"\ude00"):
        heard.add(f'{{"choices": [{{"delta": {{"content": "{half}"}}}}]}}')
    assert wire.reply("k", heard.body()).content == "\U0001f600"


@pytest.mark.parametrize("data", ['{"error": {"message": "engine died"}}', '{"choi', "null", "[" * 9999])
def test_an_error_in_the_stream_breaks_it(data: str) -> None:
    with pytest.raises(BrokenStream):
        Assembly().add(data)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["choices", "delta", "usage", "content", "role", "finish_reason", "x"]), inner)))  # fmt: skip
def test_no_chunk_however_odd_does_more_than_break_the_stream(odd: Any) -> None:
    heard = Assembly()
    try:
        heard.add(json.dumps(odd))
    except BrokenStream:
        return
    json.loads(heard.body())


async def test_a_stream_is_asked_for_with_usage_and_is_a_reply_like_any_other(
    storage: Storage, server: Server
) -> None:
    server.plan = [tell(b": waiting\n\n", *streamed("2", reasoning="1+1"))]
    async with desk(storage, server, **STALL) as made:
        reply = await ask_of(made)(prompt())
    assert (reply.content, reply.reasoning, reply.finish_reason) == ("2", "1+1", "stop")
    assert server.journal[0]["stream"] is True
    assert server.journal[0]["stream_options"] == {"include_usage": True}
    (end,) = outcomes(storage)
    assert (end["microusd"], end["cached_tokens"], end["served_model"]) == (7000, 400, "test/model")
    async with desk(storage, server) as unstreamed:
        assert await ask_of(unstreamed)(prompt()) == reply
    assert len(server.journal) == 1


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        (tell(*streamed()[:-1]), "cut"),
        (tell(*streamed()[:2], {"error": {"message": "engine died"}}), "cut"),
        (tell(*streamed()[:2], b"data: {\n\n", "[DONE]"), "cut"),
        (tell(*streamed(usage=False)), "garbled"),
        (tell("[DONE]"), "garbled"),
        (tell(*streamed(), pause=2), "stalled"),
        (tell(*streamed()[:2], b": still here\n\n" * 3, "[DONE]", pause=2), "stalled"),
    ],
)
async def test_a_stream_that_ends_badly_is_asked_again_and_may_have_been_paid(
    storage: Storage, server: Server, plan: Any, error: str
) -> None:
    server.plan = [plan]
    async with desk(storage, server, **STALL) as made:
        assert (await ask_of(made)(prompt())).content == "2"
    first, second = outcomes(storage)
    assert (first["error"], first["http_status"], first["microusd"]) == (error, 200, None)
    assert second["error"] is None
    assert spend.possibly_paid(spend.events(storage))["attempt"].to_list() == [first["attempt"]]


async def test_the_wait_for_the_first_token_has_a_bound_of_its_own(storage: Storage, server: Server) -> None:
    late = [b": queued\n\n", b"".join(sent(one) for one in streamed())]
    server.plan = [tell(*late, pause=0.5), tell(*late, pause=0.5)]
    async with desk(storage, server, **STALL) as made:
        await ask_of(made)(prompt())
    async with desk(storage, server, **STALL, first_token_seconds=0.1) as made:
        await ask_of(made)(prompt("another"))
    assert [end["error"] for end in outcomes(storage)] == [None, "stalled", None]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "think"])
async def test_a_rehearsal_streams_what_it_says_in_one_piece(
    storage: Storage, server: Server, tmp_path: Any, field: str
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    asked = {
        "model": "rehearsal/solver",
        "messages": [{"role": "user", "content": "<problem>\nFind 3^105+4^105 mod 7.\n</problem>"}],
    }
    app = application(journal, reasoning_field=field)
    async with TestServer(app, host="127.0.0.1") as running, aiohttp.ClientSession() as http:
        url = f"{running.make_url('/v1')}/chat/completions"
        async with http.post(url, json=asked) as response:
            whole = await response.text()
        heard, events = Assembly(), Events()
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
        async with http.post(url, json=asked) as response:
            assert response.headers["X-Rehearsal"] == "true"
            async for some in response.content.iter_any():
                for data in events.feed(some):
                    heard.add(data)
    one, other = wire.reply("k", whole), wire.reply("k", heard.body())
    assert one == other
    assert one.reasoning.startswith("To solve this problem")
    assert wire.usage(json.loads(whole)) == wire.usage(json.loads(heard.body()))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.CUT_BEFORE, "cut"),
        (Fault.CUT_HALFWAY, "cut"),
        (Fault.MALFORMED, "cut"),
        (Fault.NO_USAGE, "garbled"),
        (Fault.WRONG_MODEL, "wrong_model"),
        (Fault.HANG, "timeout"),
        (Fault.SLOW, None),
    ],
)
async def test_a_rehearsal_that_misbehaves_while_it_streams(tmp_path: Path, fault: Fault, error: str | None) -> None:
    plan = FaultPlan(shares={fault: 1.0}, slow_seconds=0.5)
    model = Model(name="rehearsal/solver", revision="1")
    asked = Prompt(
        messages=user("<problem>\nFind 3^105+4^105 mod 7.\n</problem>"), sampling=Sampling(max_tokens=4096)
    )
    app = application(Journal(tmp_path / "journal.jsonl"), faults=plan)
    async with TestServer(app, host="127.0.0.1") as running, aiohttp.ClientSession() as http:
        limit = 1.0 if fault is Fault.HANG else 30.0
        endpoint = Endpoint(address=f"{running.make_url('/v1')}", stall_seconds=5, timeout_seconds=limit)
        others: Any = {"price": PRICE, "price_version": "1", "api_key": None, "gate": None}
        line = Line(role="solver", model=model, endpoint_name="here", endpoint=endpoint, **others)
        answer, found = facts(await send(http, wire.body(request(asked, model, 0), streamed=True), line), line, "k")
    assert (answer.error, found.get("error")) == (error, error)
    assert (answer.reply is None) == (error is not None)
