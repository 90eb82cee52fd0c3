"""Asking an endpoint that misbehaves, for real: what is asked again, what is not, and what is kept."""

import asyncio

import pytest
from aiohttp import web

from tasks.errors import EndpointError, EngineClosed, RejectedRequest
from tasks.ledger import spend
from tasks.models.request import request
from tasks.models.retry import Patience
from tasks.rows.storage import Storage
from tests.tasks.models.openai_server import (
    MODEL,
    QUICK,
    Answer,
    Server,
    ask_of,
    completion,
    cut,
    desk,
    hang,
    logged,
    outcomes,
    prompt,
    say,
)


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        (say(429, "slow down", Retry_After="0.01"), "rate_limited", 429),
        (say(429, "slow down"), "rate_limited", 429),
        (say(503, ""), "overloaded", 503),
        (say(500, "oops"), "server", 500),
        (cut, "cut", 0),
        (say(200, '{"choices": [{"mess'), "garbled", 200),
        (say(200, {"choices": []}), "garbled", 200),
        (say(200, {**completion(), "usage": None}), "garbled", 200),
        (say(200, completion(usage={"prompt_tokens": "many", "completion_tokens": 1})), "garbled", 200),
    ],
)
async def test_faults_are_asked_again_and_every_attempt_is_logged(
    storage: Storage, server: Server, fault: Answer, error: str, status: int
) -> None:
    server.plan = [fault, fault]
    async with desk(storage, server) as made:
        assert (await ask_of(made)(prompt())).content == "2"
    ends = outcomes(storage)
    assert [end["error"] for end in ends] == [error, error, None]
    assert [end["http_status"] for end in ends] == [status, status, 200]
    assert [end["microusd"] for end in ends] == [None, None, 7000]
    assert len({end["attempt"] for end in ends}) == len(server.journal) == 3
    assert server.journal[0] == server.journal[1] == server.journal[2]


async def test_what_does_not_answer_in_time_is_a_timeout_that_may_have_been_paid(
    storage: Storage, server: Server
) -> None:
    server.plan = [hang]
    async with desk(storage, server, limit=0.3) as made:
        await ask_of(made)(prompt())
    assert [end["error"] for end in outcomes(storage)] == ["timeout", None]
    (maybe,) = spend.possibly_paid(spend.events(storage)).to_dicts()
    assert maybe["key"] == request(prompt(), MODEL, 0).key
    assert maybe["bound_microusd"] == logged(storage)["bound_microusd"][0] > 7000 / 10


async def test_patience_ends_in_an_error_that_names_the_endpoint(storage: Storage, server: Server) -> None:
    server.plan = [say(500, "oops")] * 10
    async with desk(storage, server) as made:
        with pytest.raises(EndpointError, match=r"test/model@1.*local.*server, HTTP 500, 'oops'"):
            await ask_of(made)(prompt())
    assert len(server.journal) == QUICK.attempts


async def test_retry_after_is_waited_for(storage: Storage, server: Server) -> None:
    loop = asyncio.get_running_loop()
    server.plan = [say(429, "", Retry_After="0.09")]
    async with desk(storage, server) as made:
        began = loop.time()
        await ask_of(made)(prompt())
        assert loop.time() - began >= 0.09


async def test_a_refusal_closes_the_desk_and_what_is_in_flight_is_kept(storage: Storage, server: Server) -> None:
    refused = asyncio.Event()

    async def slow(asked: web.Request) -> web.StreamResponse:
        await refused.wait()
        return web.json_response(completion("late"))

    server.plan = [slow, say(401, "no such key")]
    async with desk(storage, server) as made:
        flying = asyncio.create_task(ask_of(made)(prompt("slow")))
        await server.asked.wait()
        with pytest.raises(EndpointError, match="refused, HTTP 401, 'no such key'"):
            await ask_of(made)(prompt("refused"))
        refused.set()
        with pytest.raises(EndpointError):
            await ask_of(made)(prompt("after"))
        assert (await flying).content == "late"
    assert len(server.journal) == 2
    assert sorted(str(end["error"]) for end in outcomes(storage)) == ["None", "refused"]


async def test_a_rejected_request_is_asked_once_and_the_others_go_on(storage: Storage, server: Server) -> None:
    server.plan = [say(200, completion("first")), say(400, "context length exceeded")]
    async with desk(storage, server) as made:
        assert (await ask_of(made)(prompt("first"))).content == "first"
        with pytest.raises(RejectedRequest, match="context length exceeded"):
            await ask_of(made)(prompt("too long"))
        assert (await ask_of(made)(prompt("after"))).content == "2"
    assert len(server.journal) == 3


async def test_an_endpoint_that_rejects_everything_is_given_up(storage: Storage, server: Server) -> None:
    server.plan = [say(400, "response_format is not supported")] * 20
    async with desk(storage, server) as made:
        ends = await asyncio.gather(*(ask_of(made)(prompt(str(i))) for i in range(20)), return_exceptions=True)
    assert {type(end) for end in ends} == {RejectedRequest, EndpointError}
    assert sum(isinstance(end, RejectedRequest) for end in ends) == QUICK.rejections - 1


async def test_once_closed_no_further_attempt_of_a_request_goes_out(storage: Storage, server: Server) -> None:
    server.plan = [say(500, "later"), say(401, "no such key")]
    async with asyncio.timeout(20), desk(storage, server, patience=Patience(first=60, longest=60)) as made:
        waiting = asyncio.create_task(ask_of(made)(prompt("waits")))
        await server.asked.wait()
        with pytest.raises(EndpointError):
            await ask_of(made)(prompt("refused"))
        with pytest.raises(EndpointError):
            await waiting
    assert len(server.journal) == 2


async def test_a_reply_that_nobody_waits_for_any_more_is_kept(storage: Storage, server: Server) -> None:
    async def slow(asked: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.2)
        return web.json_response(completion("paid for"))

    server.plan = [slow]
    async with desk(storage, server) as made:
        asking = asyncio.create_task(ask_of(made)(prompt()))
        await server.asked.wait()
        asking.cancel()
    async with desk(storage, server) as second:
        assert (await ask_of(second)(prompt())).content == "paid for"
    assert len(server.journal) == 1
    assert spend.possibly_paid(spend.events(storage)).height == 0


async def test_where_nobody_listens_nothing_can_have_been_paid(storage: Storage) -> None:
    async with desk(storage, Server(address="http://127.0.0.1:1/v1")) as made:
        with pytest.raises(EndpointError, match="unreachable, HTTP 0"):
            await ask_of(made)(prompt())
    assert [end["error"] for end in outcomes(storage)] == ["unreachable"] * QUICK.attempts
    assert spend.possibly_paid(spend.events(storage)).height == 0


async def test_an_engine_that_is_closed_halts_the_shard_and_another_410_does_not(
    storage: Storage, server: Server
) -> None:
    gone = {"error": {"type": "engine_closed", "message": "engine m has died too often; the last time it hung"}}
    server.plan = [say(410, gone), say(410, {"error": {"type": "model_retired", "message": "gone"}})]
    async with desk(storage, server) as made:
        with pytest.raises(EngineClosed, match="died too often; the last time it hung"):
            await ask_of(made)(prompt())
        with pytest.raises(EngineClosed):  # nothing more goes out
            await ask_of(made)(prompt("other"))
    async with desk(storage, server) as made:
        with pytest.raises(EndpointError, match="refused"):
            await ask_of(made)(prompt())
    assert len(server.journal) == 2
    assert [end["error"] for end in outcomes(storage)] == ["closed", "refused"]
