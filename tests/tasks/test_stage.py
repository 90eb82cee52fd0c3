"""What every stage does around its decisions, on a real root and a real server."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import BaseModel

from tasks import world
from tasks.collect import collecting
from tasks.collect.source import Source, read
from tasks.errors import EndpointError
from tasks.models.asker import Desk
from tasks.models.endpoint import Endpoint
from tasks.models.prices import Price
from tasks.models.prompt import Ask
from tasks.rows import manifest as manifests
from tasks.rows import shards
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tasks.rows.tables import table
from tasks.rows.verdict import Decision, keep
from tasks.stage import ROWS_AT_ONCE, Row, Stage, each_row, plan, run_shard
from tasks.world import Where
from tests.tasks.models.openai_server import MODEL, PRICE, Server, completion, desk, prompt, say


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
    source = Source(name="own", path="own.jsonl")
    rows = list(read(source, (f'{{"question": "{text}"}}'.encode() for text in questions)))
    verdicts, problems = collecting.collect(rows, {})
    return manifests.commit(
        world.storage(where.root),
        stage="collect",
        fingerprint="f",
        shard="intake",
        upstream="g",
        rows_in=len(rows),
        verdicts=table(verdicts, collecting.VERDICTS),
        tables={"problems": table(problems, collecting.PROBLEMS)},
    )


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


async def test_a_row_whose_request_is_rejected_is_set_aside_and_the_others_go_on(
    where: Where, server: Server
) -> None:
    server.plan = [say(200, completion()), say(400, "too long"), say(200, completion())]
    done = await bring(where, [intake(where, "one", "two", "three")])
    assert (done.manifest.kept, done.manifest.quarantined) == (2, {"rejected": 1})
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
