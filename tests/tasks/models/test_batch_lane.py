"""The batch lane on rehearsed batches over HTTP: half price, limits, expiry, and a kill between any two steps."""

import json
import multiprocessing
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import polars as pl
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from flows.services import rehearsal
from tasks.errors import BatchRefused
from tasks.ledger import batches as records
from tasks.ledger import spend
from tasks.models import batch_file
from tasks.models.batch_api import BatchApi
from tasks.models.rehearsal.batches import Batches, BatchPlan
from tasks.models.rehearsal.journal import Journal, read
from tasks.models.rehearsal.server import application
from tasks.models.request import request
from tasks.models.retry import Patience
from tasks.rows.storage import Storage
from tests.tasks.models.batch_child import ASKED, SOLVER, ask, ask_and_die, where

SAMPLES = range(6)


@asynccontextmanager
async def server(folder: Path, **plan: Any) -> AsyncIterator[tuple[str, Batches]]:
    made = Batches(folder / "batches", BatchPlan(**plan))
    app = application(Journal(folder / "journal.jsonl"), batches=made)
    async with TestServer(app, host="127.0.0.1") as running:
        yield f"{running.make_url('/v1')}", made


def bill(folder: Path) -> int:
    return sum(entry.microusd for entry in read(folder / "journal.jsonl"))


async def test_a_batch_costs_half_and_its_replies_are_those_of_the_online_lane(tmp_path: Path) -> None:
    async with server(tmp_path) as (address, made):
        replies = await ask(where(f"{tmp_path}/batch", address), SAMPLES)
        half = bill(tmp_path)
        online = where(f"{tmp_path}/online", address)
        endpoint = online.endpoints["here"].model_copy(update={"lane": "online"})
        assert await ask(online.model_copy(update={"endpoints": {"here": endpoint}}), SAMPLES) == replies
    log = spend.events(Storage(f"{tmp_path}/batch"))
    assert [one["request_counts"]["completed"] for one in made.all()] == [len(SAMPLES)]
    assert log["microusd"].sum() == half
    assert abs(2 * half - (bill(tmp_path) - half)) <= len(SAMPLES)
    assert spend.possibly_paid(log).is_empty()
    async with server(tmp_path) as (address, made):
        assert await ask(where(f"{tmp_path}/batch", address), SAMPLES) == replies
        assert len(made.all()) == 1


async def test_what_expired_is_salvaged_and_the_rest_asked_online_at_the_full_price(tmp_path: Path) -> None:
    async with server(tmp_path, expires_after=4) as (address, made):
        replies = await ask(where(f"{tmp_path}/root", address), SAMPLES)
    assert [one["status"] for one in made.all()] == ["expired"]
    assert all(reply.content for reply in replies)
    log = spend.events(Storage(f"{tmp_path}/root"))
    ends = log.filter(log["kind"] == "outcome")
    assert sorted(str(one) for one in ends["error"]) == ["None"] * 6 + ["unserved"] * 2
    assert ends["microusd"].sum() == bill(tmp_path)
    assert len(read(tmp_path / "journal.jsonl")) == 6
    assert spend.possibly_paid(log).is_empty()


async def test_requests_that_fail_in_a_batch_are_asked_online(tmp_path: Path) -> None:
    async with server(tmp_path, failing=0.5) as (address, made):
        replies = await ask(where(f"{tmp_path}/root", address), range(12))
    (batch,) = made.all()
    assert 0 < batch["request_counts"]["failed"] < 12
    assert all(reply.content for reply in replies)
    log = spend.events(Storage(f"{tmp_path}/root"))
    assert log["microusd"].sum() == bill(tmp_path)
    assert log["error"].drop_nulls().to_list() == ["server"] * batch["request_counts"]["failed"]


@pytest.mark.parametrize("plan", [{"most_requests": 3}, {"most_bytes": 100}])
async def test_a_batch_that_the_provider_will_not_take_is_asked_online(tmp_path: Path, plan: dict[str, int]) -> None:
    async with server(tmp_path, **plan) as (address, made):
        replies = await ask(where(f"{tmp_path}/root", address), SAMPLES)
    assert [one["status"] for one in made.all()] == ["failed"]
    assert all(reply.content for reply in replies)
    assert spend.events(Storage(f"{tmp_path}/root"))["microusd"].sum() == bill(tmp_path)


async def test_an_endpoint_without_batches_is_asked_online(tmp_path: Path) -> None:
    async with TestServer(application(Journal(tmp_path / "journal.jsonl")), host="127.0.0.1") as running:
        replies = await ask(where(f"{tmp_path}/root", f"{running.make_url('/v1')}"), range(2))
    assert all(reply.content for reply in replies)
    assert spend.events(Storage(f"{tmp_path}/root"))["microusd"].sum() == bill(tmp_path)


async def test_what_a_lost_batch_held_may_have_been_paid_and_is_asked_online(tmp_path: Path) -> None:
    root = Storage(f"{tmp_path}/root")
    key = request(ASKED, SOLVER, 0).key
    asked = records.Asked(key=key, attempt="a" * 32, sample=0, problem_id="p" * 64)
    who = {"endpoint": "here", "run": "r", "stage": "solve", "shard": "s", "role": "solver"}
    records.planned(root, records.Batch(name="n", model=SOLVER.identity, requests=(asked,), **who))
    records.submitted(root, "n", "batch_that_is_gone")
    async with server(tmp_path) as (address, made):
        (reply,) = await ask(where(root.root, address), range(1))
    assert reply.content
    assert made.all() == records.open_ones(root, SOLVER.identity) == []
    assert sorted(str(end) for end in spend.events(root).filter(pl.col("kind") == "outcome")["error"]) == [
        "None",
        "cut",
    ]


async def test_a_key_that_is_refused_does_not_lose_a_batch(tmp_path: Path) -> None:
    root = Storage(f"{tmp_path}/root")
    asked = records.Asked(key=request(ASKED, SOLVER, 0).key, attempt="a" * 32, sample=0, problem_id="p" * 64)
    who = {"endpoint": "here", "run": "r", "stage": "solve", "shard": "s", "role": "solver"}
    records.planned(root, records.Batch(name="n", model=SOLVER.identity, requests=(asked,), **who))
    records.submitted(root, "n", "batch_of_somebody")

    async def no(request: web.Request) -> web.Response:
        return web.json_response({"error": "no such key"}, status=401)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", no)
    async with TestServer(app, host="127.0.0.1") as running:
        (end,) = await ask(where(root.root, f"{running.make_url('/v1')}"), range(1))
    assert isinstance(end, BatchRefused)
    assert [batch.name for batch, _ in records.open_ones(root, SOLVER.identity)] == ["n"]


async def test_a_batch_is_found_by_its_name_behind_many_others(tmp_path: Path) -> None:
    async with server(tmp_path) as (address, made), aiohttp.ClientSession() as http:
        api = BatchApi(http, address, None, Patience(attempts=1), 30)
        file_id = await api.upload(batch_file.line("k", b"{}"))
        first = await api.create("the one", file_id)
        for n in range(150):
            made.create({"input_file_id": file_id, "metadata": {"curation_batch": str(n)} if n % 2 else None})
        assert await api.find("the one") == first
        assert await api.find("none") is None


def test_files_are_split_at_both_limits_and_nothing_is_lost() -> None:
    lines = [b"x" * n for n in (3, 3, 3, 9, 1, 1, 1, 1)]
    cut = list(batch_file.parts(lines, requests=3, size=7))
    assert [lines[part] for part in cut] == [
        lines[0:2], lines[2:3], lines[3:4], lines[4:7], lines[7:8]
    ]  # fmt: skip
    assert list(batch_file.parts([])) == []


def test_result_lines_that_nobody_can_read_are_left_out() -> None:
    good = {"custom_id": "a", "response": {"status_code": 200, "body": {"x": "1\u2028"}}, "error": None}
    expired = {"custom_id": "b", "response": None, "error": {"code": "batch_expired"}}
    busy = {"custom_id": "c", "response": {"status_code": 429, "body": {}}, "error": None}
    files = [
        f'{json.dumps(good, ensure_ascii=False)}\n7\n{{"custom_id": null}}\n{{"response": {{}}}}\n{{torn',
        json.dumps(expired),
        json.dumps(busy),
    ]
    found = batch_file.answers(*files)
    assert {key: found[key].error for key in ("a", "b", "c")} == {"a": None, "b": "unserved", "c": "rate_limited"}
    assert json.loads(found["a"].body) == {"x": "1\u2028"}


def test_a_kill_between_any_two_steps_neither_loses_nor_submits_a_batch_twice(tmp_path: Path) -> None:
    """Each turn: a process that is killed right before a step, then one that goes on, on a root of their own."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["tests.tasks.models.batch_child"])
    journal, counted = tmp_path / "journal.jsonl", tmp_path / "steps"

    def turn(number: int, address: str, kill_at: int) -> int | None:
        samples, root = range(4 * number, 4 * number + 4), str(tmp_path / f"root-{number}")
        process = forks.Process(target=ask_and_die, args=(root, address, samples, kill_at, str(counted)))
        process.start()
        process.join(60)
        return process.exitcode

    with rehearsal(journal) as address:
        assert turn(0, address, kill_at=-1) == 0
        steps = int(counted.read_text())
        assert steps >= 10
        for kill_at in range(steps):
            number = 1 + kill_at
            before = len(read(journal))
            assert turn(number, address, kill_at) == -9
            assert turn(number, address, kill_at=-1) == 0
            root = Storage(str(tmp_path / f"root-{number}"))
            log = spend.events(root)
            served = read(journal)[before:]
            assert len(served) == 4, f"killed before step {kill_at}"
            assert log["microusd"].sum() == sum(entry.microusd for entry in served)
            assert spend.possibly_paid(log).is_empty()
            answered = set(log.filter(log["status"] == "reply")["key"])
            left = records.open_ones(root, "rehearsal/solver@1")
            assert all(one.key in answered for batch, _ in left for one in batch.requests)
    # every root has one batch, whenever its first process was killed
    names = [json.loads(path.read_text())["metadata"]["curation_batch"]
             for path in journal.with_suffix(".batches").glob("batch_*.json")]  # fmt: skip
    assert len(names) == len(set(names)) == 1 + steps
    assert len({entry.body_sha256 for entry in read(journal)}) == len(read(journal))
