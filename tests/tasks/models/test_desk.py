"""Asking, against a real server on the loopback address: what is durable when, and what is paid once."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import polars as pl
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tasks import world
from tasks.errors import EndpointError, StorageError, UnknownPrice
from tasks.ledger import spend
from tasks.ledger.log import LOG, AttemptLog, GroupBounds
from tasks.ledger.store import ReplyStore
from tasks.models.asker import Desk, Endpoint, Line
from tasks.models.prices import Price
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.request import Model, request
from tasks.models.retry import Patience
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.rows.tables import decode
from tasks.world import Where

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
MODEL = Model(name="test/model", revision="1")
PRICE = Price(
    input=Decimal("2.5"), cached_input=Decimal("1.25"), output=Decimal("10"), as_of="2026-01-01", source="test"
)
QUICK = Patience(attempts=4, first=0.001, longest=0.01)


def prompt(text: str = "What is $1+1$?") -> Prompt:
    return Prompt(messages=user(text), sampling=Sampling(max_tokens=100))


def completion(content: str = "2", finish_reason: str = "stop", **other: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish_reason}
    tokens = {"prompt_tokens": 1000, "completion_tokens": 500, "prompt_tokens_details": {"cached_tokens": 400}}
    return {"model": "test/model", "choices": [choice], "usage": tokens, "system_fingerprint": "fp", **other}


@dataclass
class Server:
    """An OpenAI-compatible server that keeps a journal and answers by plan, then with completions."""

    plan: list[Answer] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""

    async def serve(self, asked: web.Request) -> web.StreamResponse:
        self.journal.append(await asked.json())
        if self.plan:
            return await self.plan.pop(0)(asked)
        return web.json_response(completion())


def say(status: int = 200, body: Any = None, **headers: str) -> Answer:
    async def answer(asked: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


async def cut(asked: web.Request) -> web.StreamResponse:
    assert asked.transport is not None
    asked.transport.close()
    return web.Response()


async def hang(asked: web.Request) -> web.StreamResponse:
    await asyncio.sleep(2)
    return web.json_response(completion())


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made.serve)
    async with TestServer(app, host="127.0.0.1") as running:
        made.address = f"{running.make_url('/v1')}"
        yield made


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "root"))


@asynccontextmanager
async def desk(
    storage: Storage, server: Server, run: str = "run", timeout: float = 30, concurrency: int = 32
) -> AsyncIterator[Desk]:
    """A desk with a store of its own, as another process would have."""
    store = ReplyStore(storage)
    store.refresh()
    endpoint = Endpoint(address=server.address, timeout_seconds=timeout, concurrency=concurrency)
    line = Line(
        role="rater", model=MODEL, endpoint_name="local", endpoint=endpoint, price=PRICE, price_version="prices of test",
        api_key="secret-key", free=asyncio.Semaphore(concurrency),
    )  # fmt: skip
    async with (
        AttemptLog(storage, "000-1000", GroupBounds(), store.add) as log,
        aiohttp.ClientSession() as http,
        Desk(
            store=store, log=log, http=http, lines={"rater": line}, run=run, stage="rate", shard="shard", patience=QUICK
        ) as made,
    ):
        yield made


def ask_of(made: Desk) -> Ask:
    return made.ask_for("rater", "p" * 64)


def logged(storage: Storage) -> pl.DataFrame:
    """The whole log in order of time, as it lies on the storage."""
    frames = [decode(data) for data in storage.read_all(storage.list(LOG)).values()]
    return pl.concat(frames).sort("at_ms", maintain_order=True) if frames else pl.DataFrame({"kind": []})


def outcomes(storage: Storage) -> list[dict[str, Any]]:
    return logged(storage).filter(pl.col("kind") == "outcome").to_dicts()


async def test_the_intent_is_durable_before_the_server_sees_the_request(storage: Storage, server: Server) -> None:
    async def look(asked: web.Request) -> web.StreamResponse:
        seen.append(await asyncio.to_thread(logged, storage))
        return web.json_response(completion())

    seen: list[pl.DataFrame] = []
    server.plan = [look]
    async with desk(storage, server) as made:
        await ask_of(made)(prompt())
    (event,) = seen[0].to_dicts()
    assert (event["kind"], event["key"]) == ("intent", request(prompt(), MODEL, 0).key)
    assert json.loads(event["request"])["messages"] == [["user", "What is $1+1$?"]]
    assert (event["run"], event["stage"], event["shard"], event["role"]) == ("run", "rate", "shard", "rater")
    assert event["bound_microusd"] >= 100 * 10


async def test_the_outcome_is_durable_before_the_reply_is_used(storage: Storage, server: Server) -> None:
    async with desk(storage, server) as made:
        reply = await ask_of(made)(prompt())
        intent, outcome = logged(storage).to_dicts()
    assert reply.content == "2"
    assert json.loads(outcome["body"]) == completion()
    assert (intent["attempt"], intent["key"]) == (outcome["attempt"], outcome["key"])
    assert (outcome["status"], outcome["finish_reason"], outcome["served_model"]) == ("reply", "stop", "test/model")
    assert (outcome["prompt_tokens"], outcome["cached_tokens"], outcome["completion_tokens"]) == (1000, 400, 500)
    assert (outcome["price"], outcome["microusd"]) == ("prices of test", 600 * 2.5 + 400 * 1.25 + 500 * 10)


async def test_fifty_who_ask_the_same_at_once_pay_once(storage: Storage, server: Server) -> None:
    async with desk(storage, server) as made:
        replies = await asyncio.gather(*(made.ask_for("rater", f"row {n}")(prompt()) for n in range(50)))
    assert {reply.content for reply in replies} == {"2"}
    assert len(server.journal) == 1
    assert logged(storage)["kind"].to_list() == ["intent", "outcome"]


async def test_another_sample_or_another_prompt_is_another_reply(storage: Storage, server: Server) -> None:
    async with desk(storage, server) as made:
        ask = ask_of(made)
        replies = await asyncio.gather(ask(prompt()), ask(prompt(), sample=1), ask(prompt("And $2+2$?")))
    assert len({reply.key for reply in replies}) == len(server.journal) == 3
    assert sorted(sent["seed"] for sent in server.journal) == [0, 0, 1]


async def test_a_second_desk_on_the_same_root_asks_nothing(storage: Storage, server: Server) -> None:
    texts = [f"What is ${n}+{n}$?" for n in range(20)]
    async with desk(storage, server) as first:
        bought = await asyncio.gather(*(ask_of(first)(prompt(text)) for text in texts))
    async with desk(storage, server, run="another run") as second:
        found = await asyncio.gather(*(ask_of(second)(prompt(text)) for text in texts))
        assert (first.bought, first.found, second.bought, second.found) == (20, 0, 0, 20)
    assert found == bought
    assert len(server.journal) == 20


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


async def test_what_does_not_answer_in_time_is_a_timeout_that_may_have_been_paid(storage: Storage, server: Server) -> None:
    server.plan = [hang]
    async with desk(storage, server, timeout=0.3) as made:
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


async def test_a_rejected_request_closes_the_desk_and_what_is_in_flight_is_kept(storage: Storage, server: Server) -> None:
    rejected = asyncio.Event()

    async def slow(asked: web.Request) -> web.StreamResponse:
        await rejected.wait()
        return web.json_response(completion("late"))

    server.plan = [slow, say(400, "bad request")]
    async with desk(storage, server) as made:
        flying = asyncio.create_task(ask_of(made)(prompt("slow")))
        while not server.journal:
            await asyncio.sleep(0.001)
        with pytest.raises(EndpointError, match="rejected, HTTP 400, 'bad request'"):
            await ask_of(made)(prompt("rejected"))
        rejected.set()
        with pytest.raises(EndpointError):
            await ask_of(made)(prompt("after"))
        assert (await flying).content == "late"
    assert len(server.journal) == 2
    assert sorted(str(end["error"]) for end in outcomes(storage)) == ["None", "rejected"]


async def test_once_closed_no_further_attempt_of_a_request_goes_out(storage: Storage, server: Server) -> None:
    server.plan = [say(429, "wait", Retry_After="60"), say(400, "bad request")]
    async with asyncio.timeout(20), desk(storage, server) as made:
        waiting = asyncio.create_task(ask_of(made)(prompt("waits")))
        while not outcomes(storage):
            await asyncio.sleep(0.001)
        with pytest.raises(EndpointError):
            await ask_of(made)(prompt("rejected"))
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
        while not server.journal:
            await asyncio.sleep(0.001)
        asking.cancel()
    async with desk(storage, server) as second:
        assert (await ask_of(second)(prompt())).content == "paid for"
    assert len(server.journal) == 1
    assert spend.possibly_paid(spend.events(storage)).height == 0


async def test_no_more_than_the_endpoint_allows_are_in_flight(storage: Storage, server: Server) -> None:
    flying, most = 0, 0

    async def count(asked: web.Request) -> web.StreamResponse:
        nonlocal flying, most
        flying, most = flying + 1, max(most, flying + 1)
        await asyncio.sleep(0.02)
        flying -= 1
        return web.json_response(completion())

    server.plan = [count] * 12
    async with desk(storage, server, concurrency=3) as made:
        await asyncio.gather(*(ask_of(made)(prompt(str(n))) for n in range(12)))
    assert most == 3


@pytest.mark.parametrize(("finish_reason", "content"), [("length", "<think> so far"), ("content_filter", "")])
async def test_a_cut_or_filtered_reply_is_paid_stored_and_not_asked_again(
    storage: Storage, server: Server, finish_reason: str, content: str
) -> None:
    server.plan = [say(200, completion(content, finish_reason))]
    for _ in range(2):
        async with desk(storage, server) as made:
            reply = await ask_of(made)(prompt())
            assert (reply.finish_reason, reply.content) == (finish_reason, content)
    assert len(server.journal) == 1
    assert [end["microusd"] for end in outcomes(storage)] == [7000]


async def test_hostile_facts_beside_a_reply_do_not_stop_the_log(storage: Storage, server: Server) -> None:
    odd = completion("\ud800", model=["x"], system_fingerprint={"a": 1}, id=2**90)
    server.plan = [say(200, odd)]
    async with desk(storage, server) as made:
        assert (await ask_of(made)(prompt())).content == "?"
        assert (await ask_of(made)(prompt("next"))).content == "2"
    assert [end["status"] for end in outcomes(storage)] == ["reply", "reply"]


async def test_the_key_goes_to_the_endpoint_and_never_to_the_log(storage: Storage, server: Server) -> None:
    async def check(asked: web.Request) -> web.StreamResponse:
        assert asked.headers["Authorization"] == "Bearer secret-key"
        return web.json_response(completion())

    server.plan = [check]
    async with desk(storage, server) as made:
        await ask_of(made)(prompt())
    assert [end["status"] for end in outcomes(storage)] == ["reply"]
    assert not logged(storage).filter(pl.any_horizontal(pl.col(pl.String).str.contains("secret-key"))).height


async def test_nothing_is_sent_when_the_intent_cannot_be_written(tmp_path: Path, server: Server) -> None:
    root = tmp_path / "root"
    async with desk(Storage(str(root)), server) as made:
        root.write_text("a file where the root should be")
        with pytest.raises(StorageError):
            await ask_of(made)(prompt())
    assert server.journal == []


SHARD = Shard(intake="0" * 64, low=0, high=4096)


def where(root: Path, server: Server, **other: Any) -> Where:
    endpoints = {"local": Endpoint(address=server.address)}
    return Where(**{"root": str(root), "run": "r", "endpoints": endpoints, "routes": {"rater": "local"}, **other})


async def test_a_model_without_a_price_is_asked_nothing(tmp_path: Path, server: Server) -> None:
    with pytest.raises(UnknownPrice, match="test/model"):
        async with world.desk(where(tmp_path, server), "rate", SHARD, {"rater": MODEL}):
            pytest.fail("the desk opened")
    assert server.journal == []
    assert Storage(str(tmp_path)).list(LOG) == []


async def test_the_worlds_desk_asks_at_the_recipes_price_and_finds_what_other_processes_paid(
    tmp_path: Path, server: Server
) -> None:
    here = where(tmp_path, server, prices={"test/model": PRICE})
    async with world.desk(here, "rate", SHARD, {"rater": MODEL}) as made:
        await ask_of(made)(prompt("in this process"))
    async with desk(Storage(str(tmp_path)), server) as other:
        await ask_of(other)(prompt("in another"))
    assert [end["microusd"] for end in outcomes(Storage(str(tmp_path)))] == [7000, 7000]
    async with world.desk(here, "rate", SHARD, {"rater": MODEL}) as made:
        await ask_of(made)(prompt("in this process"))
        await ask_of(made)(prompt("in another"))
        assert (made.found, made.bought) == (2, 0)
    assert len(server.journal) == 2
