"""An engine that dies, hangs or is poisoned, and its keeper: real processes and HTTP; only the model is none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from tenacity import AsyncRetrying, retry_if_result, wait_fixed

from tasks.ledger.gpu import LeaseBook, leases
from tasks.ledger.gpu_split import total
from tasks.models.engine import Cards, Engine, Serving
from tasks.models.engine_lease import OpenLease, Owner, now_ms
from tasks.models.engine_process import EngineProcess
from tasks.models.engine_watch import CLOSED, POISON, Watch
from tasks.models.request import Model
from tasks.rows.storage import Storage

PATH = "/v1/chat/completions"
CARDS = Cards(kind="cpu", count=1, usd_per_hour=Decimal("1"), as_of=date(2026, 11, 22), source="test")


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An "interpreter" that runs the stand-in, whatever module it is asked for."""
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("standin_engine.py")}" "$@"\n')
    script.chmod(0o755)
    return script


class Kept:
    """A watch at work, and what a test wants to know of it."""

    def __init__(self, watch: Watch, processes: list[EngineProcess], leases: list[OpenLease]) -> None:
        self.watch, self.processes, self.leases = watch, processes, leases

    async def ask(self, text: str) -> tuple[int, str]:
        answer = await self.watch.answer(PATH, json.dumps({"text": text}).encode())
        return answer.status, answer.body.decode()

    async def ask_all(self, texts: list[str]) -> dict[str, int]:
        answers = await asyncio.gather(*(self.ask(text) for text in texts))
        return {text: status for text, (status, _) in zip(texts, answers, strict=True)}

    async def works_on(self, requests: int) -> bool:
        """Whether the latest process works on so many."""
        sample = await self.processes[-1].sample()
        return sample is not None and sample.running >= requests

    async def restarted_and_seen_at_work(self) -> bool:
        """Whether looks have found the second process at work: the time between two of them is counted as busy."""
        return len(self.leases) > 1 and bool(self.leases[1].row.busy_ms and self.leases[1].row.generated_tokens)


async def until(look: Callable[..., Awaitable[bool]], *about: object) -> None:
    """Return once it is so."""
    await AsyncRetrying(retry=retry_if_result(lambda is_so: not is_so), wait=wait_fixed(0.05))(look, *about)


@asynccontextmanager
async def kept(tmp_path: Path, python: Path, **told: object) -> AsyncIterator[Kept]:
    settings = {"model_path": "nowhere", "cards": CARDS, "python": str(python), "max_model_len": 64, **told}
    engine = Engine(model=Model(name="m", revision="0" * 64), serving=Serving.model_validate(settings))
    owner = Owner(root=str(tmp_path / "root"), run="r", endpoint="e", since_ms=0)
    book, processes, opened = LeaseBook(Storage(owner.root)), list[EngineProcess](), list[OpenLease]()

    async with aiohttp.ClientSession() as http:

        def start() -> EngineProcess:
            processes.append(EngineProcess(engine, tmp_path / "engine.log", http))
            return processes[-1]

        def lease(restart: bool) -> OpenLease:
            opened.append(OpenLease(book, engine, owner, restart=restart))
            return opened[-1]

        watch = Watch(engine, start, lease)
        running = asyncio.create_task(watch.run())
        try:
            yield Kept(watch, processes, opened)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
    assert not [one.group for one in processes if members(one.group)]


def members(group: int) -> list[int]:
    """The processes of a group."""
    listed = subprocess.run(["ps", "-eo", "pid,pgid,stat"], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()[1:]]
    return [int(pid) for pid, pgid, state in rows if int(pgid) == group and not state.startswith("Z")]


def server(process: EngineProcess) -> int:
    """The process that serves."""
    return next(pid for pid in members(process.group) if b"standin" in Path(f"/proc/{pid}/cmdline").read_bytes())


async def test_a_killed_engine_is_started_again_and_every_request_is_answered(tmp_path: Path, python: Path) -> None:
    async with kept(tmp_path, python) as it:
        assert await it.ask("warm") == (
            200,
            '{"echo": "{\\"text\\": \\"warm\\"}", "usage": {"completion_tokens": 7}}',
        )
        going_on = tmp_path / "going on"
        going_on.touch()
        asking = asyncio.create_task(it.ask_all([f"{i} while {going_on}" for i in range(8)]))
        await until(it.works_on, 8)
        first = it.processes[0].group
        os.kill(server(it.processes[0]), signal.SIGKILL)
        await until(it.restarted_and_seen_at_work)
        going_on.unlink()
        assert set((await asking).values()) == {200}
        assert len(it.processes) == 2
        assert not members(first)
    rows = leases(Storage(str(tmp_path / "root")))
    assert [(row.died, row.restart) for row in rows] == [(True, False), (False, True)]
    assert rows[1].delivered_tokens == 8 * 7
    spent = total(rows, now_ms())
    assert spent.wasted > 0 and spent.useful > 0 and spent.starting > 0
    assert spent.allocated == sum(row.until_ms(now_ms()) - row.started_ms for row in rows)


async def test_a_poisonous_request_is_found_and_the_others_are_answered(tmp_path: Path, python: Path) -> None:
    texts = [f"question {i}" for i in range(7)]
    async with kept(tmp_path, python) as it:
        found = await asyncio.wait_for(it.ask_all([*texts, "poison"]), 60)
        assert found == {**dict.fromkeys(texts, 200), "poison": POISON}
        status, said = await it.ask("poison")  # found out for good: no process dies of it again
        assert status == POISON and "illegal memory access" in json.loads(said)["error"]["message"]
        assert await it.ask("and on") == (
            200,
            '{"echo": "{\\"text\\": \\"and on\\"}", "usage": {"completion_tokens": 7}}',
        )
        assert len(it.processes) <= 7


async def test_an_engine_that_cannot_start_is_closed_with_its_last_words(tmp_path: Path, python: Path) -> None:
    async with kept(tmp_path, python, restarts=1, flags=("--broken",)) as it:
        status, said = await asyncio.wait_for(it.ask("anything"), 30)
        assert status == CLOSED
        assert "died too often" in said and "no such model" in said
        assert len(it.processes) == 2
    assert total(leases(Storage(str(tmp_path / "root"))), now_ms()).starting == 0


async def test_a_hung_engine_is_found_out_and_replaced(tmp_path: Path, python: Path) -> None:
    async with kept(tmp_path, python, stall_seconds=3) as it:
        assert (await it.ask("warm"))[0] == 200
        going_on = tmp_path / "going on"
        going_on.touch()
        asking = asyncio.create_task(it.ask(f"while {going_on}"))
        await until(it.works_on, 1)
        os.kill(server(it.processes[0]), signal.SIGSTOP)
        going_on.unlink()
        assert (await asyncio.wait_for(asking, 60))[0] == 200
        assert len(it.processes) == 2


OWNER = """
import asyncio, sys, aiohttp
from pathlib import Path
sys.path.insert(0, {repository!r})
from tests.tasks.models.test_engine_watch import CARDS
from tasks.models.engine import Engine, Serving
from tasks.models.engine_process import EngineProcess
from tasks.models.request import Model
async def main():
    engine = Engine(
        model=Model(name="m", revision="0" * 64),
        serving=Serving(model_path="x", cards=CARDS, python={python!r}, max_model_len=64),
    )
    async with aiohttp.ClientSession() as http:
        process = EngineProcess(engine, Path({log!r}), http)
        while not await process.completes():
            await asyncio.sleep(0.05)
        print(process.group, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


def test_nothing_outlives_an_owner_that_is_killed(tmp_path: Path, python: Path) -> None:
    repository = str(Path(__file__).resolve().parents[3])
    code = OWNER.format(repository=repository, python=str(python), log=str(tmp_path / "log"))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        group = int(owner.stdout.readline())
        assert len(members(group)) >= 3
        owner.kill()
    deadline = time.monotonic() + 20
    while members(group):
        assert time.monotonic() < deadline
        time.sleep(0.05)
