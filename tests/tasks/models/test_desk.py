"""Asking, against a real server: what is durable when, and what is paid once."""

import asyncio
import gc
import json
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from aiohttp import web

from tasks import world
from tasks.errors import LeaseLost, NotStored, StorageError, UnknownPrice
from tasks.ledger import board as boards
from tasks.ledger.board import Claim, Entry
from tasks.ledger.holders import this_process
from tasks.ledger.leases import Lease
from tasks.ledger.log import LOG
from tasks.models.asker import Desk
from tasks.models.endpoint import Endpoint
from tasks.models.prompt import Reply
from tasks.models.request import request
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.rows.tables import encode
from tasks.world import Where
from tests.tasks.models.openai_server import (
    MODEL,
    PRICE,
    Server,
    ask_of,
    completion,
    desk,
    logged,
    outcomes,
    prompt,
    say,
)


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
    odd = completion("\ud800", created=["x"], system_fingerprint={"a": 1}, id=2**90)
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


async def test_what_was_asked_is_the_same_table_whoever_bought(storage: Storage, server: Server) -> None:
    async def ask_all(made: Desk, order: list[int]) -> pl.DataFrame:
        await asyncio.gather(*(made.ask_for("rater", f"row {n}")(prompt(f"{n % 3}?")) for n in order))
        return made.asked()

    async with desk(storage, server) as first:
        bought = await ask_all(first, list(range(6)))
    async with desk(storage, server, run="another run") as second:
        found = await ask_all(second, list(reversed(range(6))))
    assert (first.bought, second.bought) == (3, 0)
    assert encode(found) == encode(bought)
    assert bought["key"].n_unique() == 3
    assert sorted(bought["problem_id"]) == [f"row {n}" for n in range(6)]
    assert set(bought["microusd"]) == {7000}
    assert set(bought["role"]) == {"rater"}


async def test_a_reply_that_was_bought_is_let_go_and_found_again(storage: Storage, server: Server) -> None:
    server.plan = [say(200, completion("held nowhere"))]
    async with desk(storage, server) as made:
        assert (await ask_of(made)(prompt())).content == "held nowhere"
        await asyncio.sleep(0)
        gc.collect()  # a finished task and its exception refer to each other
        assert not [one for one in gc.get_objects() if type(one) is Reply and one.content == "held nowhere"]
        assert (await ask_of(made)(prompt())).content == "held nowhere"
        assert (made.bought, made.found, len(server.journal)) == (1, 1, 1)


async def test_with_buying_off_only_stored_replies_are_given(storage: Storage, server: Server) -> None:
    async with desk(storage, server) as made:
        await ask_of(made)(prompt("stored"))
    log = storage.list(LOG)
    async with desk(storage, server, buys=False) as made:
        assert (await ask_of(made)(prompt("stored"))).content == "2"
        with pytest.raises(NotStored, match=request(prompt("not stored"), MODEL, 0).key):
            await ask_of(made)(prompt("not stored"))
    assert len(server.journal) == 1
    assert storage.list(LOG) == log


async def test_with_buying_off_no_key_is_needed(tmp_path: Path, server: Server) -> None:
    endpoints = {"local": Endpoint(address=server.address, api_key_env="A_KEY_THAT_NOBODY_HAS")}
    here = where(tmp_path, server, prices={"test/model": PRICE}, endpoints=endpoints, buys=False)
    async with world.desk(here, "rate", SHARD, {"rater": MODEL}) as made:
        with pytest.raises(NotStored):
            await ask_of(made)(prompt())


async def test_when_the_lease_is_lost_nothing_goes_out_and_what_is_in_flight_is_kept(
    tmp_path: Path, server: Server
) -> None:
    here = where(tmp_path, server, prices={"test/model": PRICE}, lease_seconds=0.4)
    storage, lost = Storage(str(tmp_path)), asyncio.Event()

    async def be_taken_over(asked: web.Request) -> web.StreamResponse:
        boards.end(storage, lease.token, "run new took over")
        await lost.wait()
        return web.json_response(completion())

    server.plan = [be_taken_over]
    async with world.lease(here, "rate", SHARD) as lease:
        assert lease is not None
        lease.when_lost(lambda _: lost.set())
        async with world.desk(here, "rate", SHARD, {"rater": MODEL}, lease) as made:
            in_flight = asyncio.create_task(ask_of(made)(prompt("in flight")))
            await lost.wait()
            with pytest.raises(LeaseLost, match="run new took over"):
                await ask_of(made)(prompt("later"))
        assert (await in_flight).content == "2"
    assert len(server.journal) == 1
    assert logged(storage)["lease"].to_list() == [lease.token] * 2
    assert all(f"/{lease.token:010d}-" in name for name in storage.list(LOG))


async def test_after_a_pause_nothing_goes_out_before_the_lease_is_made_sure_of(
    tmp_path: Path, server: Server
) -> None:
    """A process that was stopped wakes up: its clock has gone on, and nobody has told it anything."""
    here = where(tmp_path, server, prices={"test/model": PRICE}, lease_seconds=600.0)
    storage = Storage(str(tmp_path))
    entry = Entry(
        claim=Claim(work="rate", run="r", intake="", low=0, high=4096),
        holder=this_process("r"),
        seconds=600.0,
        nonce="n",
    )
    assert boards.take(storage, 1, entry)
    lease = Lease(storage, 1, entry, began=time.monotonic() - 601)
    async with world.desk(here, "rate", SHARD, {"rater": MODEL}, lease) as made:
        assert (await ask_of(made)(prompt("still its own"))).content == "2"
    lease = Lease(storage, 1, entry, began=time.monotonic() - 601)
    boards.end(storage, 1, "run new took over")
    async with world.desk(here, "rate", SHARD, {"rater": MODEL}, lease) as made:
        with pytest.raises(LeaseLost, match="run new took over"):
            await ask_of(made)(prompt("no longer"))
    assert len(server.journal) == 1


async def test_two_shards_of_one_process_that_ask_the_same_at_once_pay_once(tmp_path: Path, server: Server) -> None:
    here = where(tmp_path, server, prices={"test/model": PRICE})

    async def ask_all(shard: Shard) -> None:
        async with world.desk(here, "rate", shard, {"rater": MODEL}) as made:
            await asyncio.gather(*(ask_of(made)(prompt(f"{n}?")) for n in range(20)))

    async def slowly(asked: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.2)
        return web.json_response(completion())

    server.plan = [slowly] * 40
    shards = [SHARD.model_copy(update={"name": name}) for name in ("one", "two")]
    await asyncio.gather(*(asyncio.to_thread(asyncio.run, ask_all(shard)) for shard in shards))
    assert len(server.journal) == 20
