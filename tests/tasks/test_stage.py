"""What every stage does around its decisions, on a real root and a real server."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from aiohttp import web
from pydantic import BaseModel

from tasks import world
from tasks.errors import EndpointError
from tasks.ledger import board as boards
from tasks.models.asker import Desk
from tasks.models.endpoint import Endpoint
from tasks.models.prices import Price
from tasks.models.prompt import Ask
from tasks.rows import manifest as manifests
from tasks.rows import shards
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tasks.rows.verdict import Decision, keep
from tasks.stage import ROWS_AT_ONCE, Row, Stage, each_row, plan, run_shard
from tasks.world import Where
from tests.tasks.intake import collected
from tests.tasks.models.openai_server import MODEL, PRICE, Answer, Server, completion, desk, prompt, say


class Settings(BaseModel):
    """None."""


STAGE = Stage(name="echo", version=1, settings=Settings, columns={"said": pl.String}, roles=("rater",))
PLANNED = plan(STAGE, Settings(), {"rater": MODEL}, upstream="u")


async def echo(row: Row, ask: Ask) -> Decision:
    return keep({"said": (await ask(prompt(row["question"]))).content})


async def decide(rows: Sequence[Row], desk: Desk, _: Settings) -> list[Decision]:
    return await each_row(rows, desk, "rater", echo)


@pytest.fixture
def where(tmp_path: Path, server: Server) -> Where:
    prices: dict[str, Price] = {MODEL.name: PRICE}
    endpoints = {"here": Endpoint(address=server.address, concurrency=1)}
    return Where(root=str(tmp_path / "root"), run="r", endpoints=endpoints, routes={"rater": "here"}, prices=prices)


def intake(where: Where, *questions: str) -> Manifest:
    return collected(where, (f'{{"question": "{text}"}}'.encode() for text in questions))


async def bring(where: Where, chain: list[Manifest]) -> Any:
    [shard] = shards.plan(chain[0].digest, 1)
    return await asyncio.to_thread(run_shard, STAGE, PLANNED, shard, chain, where, decide)


async def test_a_shard_is_decided_once_and_then_found(where: Where, server: Server) -> None:
    chain = [intake(where, "one", "two", "three")]
    first, again = await bring(where, chain), await bring(where, chain)
    assert (first.reused, again.reused) == (False, True)
    assert first.manifest == again.manifest
    assert (first.manifest.rows_in, first.manifest.kept) == (3, 3)
    assert len(server.journal) == 3


@pytest.mark.parametrize(
    ("fault", "reason"), [(say(400, "too long"), "rejected"), (say(424, "CUDA error"), "poison")]
)
async def test_a_row_whose_request_is_rejected_is_set_aside_and_the_others_go_on(
    where: Where, server: Server, fault: Answer, reason: str
) -> None:
    server.plan = [say(200, completion()), fault, say(200, completion())]
    done = await bring(where, [intake(where, "one", "two", "three")])
    assert (done.manifest.kept, done.manifest.quarantined) == (2, {reason: 1})
    verdicts = manifests.read(world.storage(where.root), done.manifest)
    assert verdicts.filter(verdict="quarantine")["said"].to_list() == [None]


async def test_what_was_bought_before_a_failure_is_not_bought_again(where: Where, server: Server) -> None:
    chain = [intake(where, "one", "two", "three")]
    server.plan = [say(200, completion()), say(401, "no such key")]
    with pytest.raises(EndpointError, match="refused"):
        await bring(where, chain)
    done = await bring(where, chain)
    assert done.manifest.kept == 3
    assert len(server.journal) == 4


async def test_an_empty_shard_has_a_manifest_too(where: Where, server: Server) -> None:
    chain = [intake(where, "one")]
    halves = shards.plan(chain[0].digest, 2)
    done = [await asyncio.to_thread(run_shard, STAGE, PLANNED, half, chain, where, decide) for half in halves]
    assert sorted(one.manifest.rows_in for one in done) == [0, 1]
    assert len(server.journal) == 1


def test_each_part_of_a_stages_identity_is_in_its_fingerprint() -> None:
    class Other(BaseModel):
        gate: float = 5.0

    base = Stage(name="echo", version=1, settings=Other, columns={}, roles=("rater",))
    prints = {
        plan(base, Other(), {"rater": MODEL}, "u").fingerprint,
        plan(base, Other(gate=4.0), {"rater": MODEL}, "u").fingerprint,
        plan(base, Other(), {"rater": MODEL.model_copy(update={"revision": "2"})}, "u").fingerprint,
        plan(base, Other(), {"rater": MODEL}, "v").fingerprint,
        plan(base, Other(), {"rater": MODEL}, "u", benchmarks="b").fingerprint,
        plan(STAGE, Settings(), {"rater": MODEL}, "u").fingerprint,
    }
    assert len(prints) == 6


def numbered(count: int) -> list[Row]:
    return [{"problem_id": f"row {number}", "number": number} for number in range(count)]


async def test_decisions_are_in_the_order_of_the_rows_and_no_more_than_a_window_is_under_way(
    tmp_path: Path, server: Server
) -> None:
    under_way, most = 0, 0

    async def slower_first(row: Row, ask: Ask) -> Decision:
        nonlocal under_way, most
        under_way, most = under_way + 1, max(most, under_way + 1)
        await asyncio.sleep(0.02 if row["number"] % 100 == 0 else 0)
        under_way -= 1
        return keep({"number": row["number"]})

    async with desk(Storage(str(tmp_path)), server) as made:
        decided = await each_row(numbered(3 * ROWS_AT_ONCE), made, "rater", slower_first)
    assert [one.columns["number"] for one in decided] == list(range(3 * ROWS_AT_ONCE))
    assert most == ROWS_AT_ONCE


async def test_where_requests_go_out_in_batches_more_than_the_window_may_wait_for_one(where: Where) -> None:
    lane = where.endpoints["here"].model_copy(update={"lane": "batch"})
    halved = dict.fromkeys(("batch_input", "batch_cached_input", "batch_output"), PRICE.input / 2)
    prices = {MODEL.name: PRICE.model_copy(update=halved)}
    here = where.model_copy(update={"endpoints": {"here": lane}, "prices": prices})
    [shard] = shards.plan("0" * 64, 1)
    begun = asyncio.Event()
    count = 0

    async def wait_for_all(row: Row, ask: Ask) -> Decision:
        nonlocal count
        count += 1
        if count == 2 * ROWS_AT_ONCE:
            begun.set()
        await begun.wait()
        return keep({})

    async with asyncio.timeout(30), world.desk(here, STAGE.name, shard, PLANNED.roles) as made:
        assert len(await each_row(numbered(2 * ROWS_AT_ONCE), made, "rater", wait_for_all)) == 2 * ROWS_AT_ONCE


async def test_once_a_row_fails_none_is_begun_those_under_way_end_and_the_first_of_the_failed_is_raised(
    tmp_path: Path, server: Server
) -> None:
    begun, ended = 0, 0

    async def fail_at_two(row: Row, ask: Ask) -> Decision:
        nonlocal begun, ended
        begun += 1
        if row["number"] == 20:
            raise ValueError("row 20")
        await asyncio.sleep(0.01)
        ended += 1
        if row["number"] == 10:
            raise ValueError("row 10")
        return keep({})

    async with desk(Storage(str(tmp_path)), server) as made:
        with pytest.raises(ValueError, match="row 10"):
            await each_row(numbered(2 * ROWS_AT_ONCE), made, "rater", fail_at_two)
    assert ended == begun - 1
    assert 20 < begun <= ROWS_AT_ONCE


REJECTED = say(400, "this request is too long")


async def test_a_row_that_was_set_aside_is_made_again_for_nothing(where: Where, server: Server) -> None:
    chain = [intake(where, "one", "two", "three")]
    server.plan = [say(200, completion()), REJECTED]
    first = (await bring(where, chain)).manifest
    assert first.quarantined == {"rejected": 1}
    storage = world.storage(where.root)
    before = {file.name: storage.read(file.name) for file in first.files.values()}
    for name in [manifests.name_of(first), *before]:
        storage.delete(name)
    again = await bring(where.model_copy(update={"buys": False}), chain)
    assert (again.reused, again.manifest) == (False, first)
    assert {name: storage.read(name) for name in before} == before
    assert len(server.journal) == 3


async def test_a_rejected_request_is_not_sent_again_when_its_shard_is_resumed(where: Where, server: Server) -> None:
    chain = [intake(where, "one", "two", "three")]
    server.plan = [say(200, completion()), REJECTED, say(401, "no")]
    with pytest.raises(EndpointError):
        await bring(where, chain)
    done = (await bring(where, chain)).manifest
    assert (done.kept, done.quarantined) == (2, {"rejected": 1})
    assert len(server.journal) == 4


async def test_what_an_endpoint_rejected_that_answered_nothing_is_sent_again(where: Where, server: Server) -> None:
    chain = [intake(where, *map(str, range(9)))]
    server.plan = [REJECTED] * 9
    with pytest.raises(EndpointError):
        await bring(where, chain)
    server.plan.clear()
    assert (await bring(where, chain)).manifest.kept == 9


async def test_of_two_at_once_the_second_waits_and_finds_what_the_first_made(where: Where, server: Server) -> None:
    chain = [intake(where, *map(str, range(20)))]
    other = where.model_copy(update={"run": "another"})
    done = await asyncio.gather(bring(where, chain), bring(other, chain), bring(where, chain))
    assert sorted(one.reused for one in done) == [False, True, True]
    assert len(server.journal) == 20


async def test_who_loses_its_lease_waits_for_the_new_holder_and_finds_its_work(where: Where, server: Server) -> None:
    chain = [intake(where, "one", "two", "three")]
    where = where.model_copy(update={"lease_seconds": 0.6})
    storage, other = world.storage(where.root), where.model_copy(update={"run": "another"})
    taken_over: list[asyncio.Task[Any]] = []

    async def hang_until_taken_over(asked: web.Request) -> web.StreamResponse:
        boards.end(storage, boards.look(storage).live[0], "run another took over")
        taken_over.append(asyncio.create_task(bring(other, chain)))
        await asyncio.sleep(1)
        return web.json_response(completion("late"))

    server.plan = [hang_until_taken_over]
    found = await bring(where, chain)
    made = await taken_over[0]
    assert (made.reused, found.reused, found.manifest) == (False, True, made.manifest)
    assert sorted(manifests.read(storage, made.manifest)["said"]) == ["2", "2", "late"]
    assert len(server.journal) == 3
