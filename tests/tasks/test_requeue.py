"""Rows that a stage set aside, decided again: only they ask anew, and the act is part of the stage's identity."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import polars as pl
from pydantic import BaseModel

from tasks import world
from tasks.models.asker import Desk
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.rows import manifest as manifests
from tasks.rows import shards
from tasks.rows.manifest import Manifest
from tasks.rows.verdict import Decision, keep, quarantine
from tasks.stage import Done, PlannedStage, Requeue, Row, Stage, each_row, plan, run_shard
from tasks.world import Where
from tests.tasks.models.openai_server import MODEL, Server, completion, say
from tests.tasks.test_stage import intake, where

__all__ = ["where"]


class Settings(BaseModel):
    """Of the stage below."""

    max_tokens: int = 100


STAGE = Stage(name="echo", version=1, settings=Settings, columns={"said": pl.String}, roles=("rater",))


def planned(*requeue: Requeue) -> PlannedStage:
    return plan(STAGE, Settings(), {"rater": MODEL}, "u", requeue)


async def decide(rows: Sequence[Row], desk: Desk, settings: Settings) -> list[Decision]:
    async def one(row: Row, ask: Ask) -> Decision:
        sampling = Sampling(max_tokens=settings.max_tokens)
        reply = await ask(Prompt(messages=user(row["question"]), sampling=sampling))
        said = {"said": reply.content}
        return quarantine("truncated", said) if reply.finish_reason == "length" else keep(said)

    return await each_row(rows, desk, "rater", one)


async def bring(where: Where, chain: list[Manifest], stage: PlannedStage) -> Done:
    [shard] = shards.plan(chain[0].digest, 1)
    return await asyncio.to_thread(run_shard, STAGE, stage, shard, chain, where, decide)


def cut(content: str) -> Any:
    return say(200, completion(content, "length"))


async def first(where: Where, server: Server) -> list[Manifest]:
    """Three rows, one of which is set aside because its reply was cut."""
    server.plan = [say(200, completion("a")), cut("b"), say(200, completion("c"))]
    chain = [intake(where, "one", "two", "three")]
    done = await bring(where, chain, planned())
    assert done.manifest.quarantined == {"truncated": 1}
    return chain


async def test_with_a_longer_cap_only_the_cut_row_asks_again(where: Where, server: Server) -> None:
    chain = await first(where, server)
    done = await bring(where, chain, planned(Requeue(reason="truncated", settings={"max_tokens": 500})))
    assert (done.reused, done.manifest.kept) == (False, 3)
    assert [asked["max_tokens"] for asked in server.journal] == [100, 100, 100, 500]
    assert server.journal[3]["messages"] == server.journal[1]["messages"]
    assert manifests.read(world.storage(where.root), done.manifest, "asked").height == 4


async def test_without_changed_settings_the_row_gets_fresh_samples(where: Where, server: Server) -> None:
    chain = await first(where, server)
    once, twice = planned(Requeue(reason="truncated")), planned(*[Requeue(reason="truncated")] * 2)
    server.plan = [cut("again")]
    assert (await bring(where, chain, once)).manifest.quarantined == {"truncated": 1}
    assert (await bring(where, chain, once)).reused
    assert len(server.journal) == 4
    assert (await bring(where, chain, twice)).manifest.kept == 3
    assert len(server.journal) == 5  # the first requeue's reply was found


async def test_rows_that_are_set_aside_for_another_reason_stay_so(where: Where, server: Server) -> None:
    chain = await first(where, server)
    done = await bring(where, chain, planned(Requeue(reason="no_answer", settings={"max_tokens": 500})))
    assert done.manifest.quarantined == {"truncated": 1}
    assert len(server.journal) == 3


def test_a_requeue_is_part_of_the_stages_identity_and_none_leaves_it_as_it_was() -> None:
    plain, longer = Requeue(reason="truncated"), Requeue(reason="truncated", settings={"max_tokens": 500})
    stages = [planned(), planned(plain), planned(longer), planned(plain, plain), planned(Requeue(reason="other"))]
    assert len({stage.fingerprint for stage in stages}) == 5
    assert planned().fingerprint == plan(STAGE, Settings(), {"rater": MODEL}, "u").fingerprint
    assert "requeue" not in planned().parts
    assert "max_tokens" in planned(longer).parts["requeue"]
