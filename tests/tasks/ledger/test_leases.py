"""Leases: one holder at a time whoever races, dies, hangs or wakes up; and no number is ever used twice."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import LeaseLost, StorageError
from tasks.ledger import board as boards
from tasks.ledger.board import LEASES, Claim, Entry
from tasks.ledger.holders import Holder, is_dead, this_process
from tasks.ledger.leases import Lease, held
from tasks.rows.storage import Storage

REPOSITORY = Path(__file__).parents[3]
DAY = 86_400.0


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return Storage(str(tmp_path) if request.param == "local" else request.getfixturevalue("s3_root")())


def claim(low: int = 0, high: int = 4096, run: str = "run", intake: str = "intake") -> Claim:
    return Claim(work=f"rate of {low}-{high}", run=run, intake=intake, low=low, high=high)


def test_only_overlapping_buckets_exclude_each_other_but_never_two_intakes_of_one_run() -> None:
    assert claim(0, 16).excludes(claim(15, 32))
    assert not claim(0, 16).excludes(claim(16, 32))
    assert claim(0, 16, run="a").excludes(claim(0, 16, run="b", intake="other"))
    assert not claim(0, 16).excludes(claim(0, 16, intake="other"))


async def test_of_many_who_want_overlapping_buckets_one_at_a_time_holds_them(storage: Storage) -> None:
    holding: Counter[int] = Counter()
    tokens: list[int] = []

    async def work(number: int) -> None:
        low, high = 8 * (number % 3), 8 * (number % 3) + 12
        async with held(storage, claim(low, high, run=f"run {number}"), DAY) as lease:
            holding.update(range(low, high))
            assert max(holding.values()) == 1
            await asyncio.sleep(0.01)
            holding.subtract(range(low, high))
            tokens.append(lease.token)

    await asyncio.gather(*(work(number) for number in range(9)))
    assert sorted(tokens) == list(range(1, 10))
    assert boards.look(storage).live == []


async def test_of_many_on_one_machine_who_want_the_next_number_none_tries_in_vain(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[bool] = []
    take = boards.take

    def counted(*wanted: Any) -> bool:
        tries.append(take(*wanted))
        return tries[-1]

    monkeypatch.setattr(boards, "take", counted)
    await asyncio.gather(*(enter(storage, claim(low, low + 16)) for low in range(0, 256, 16)))
    assert tries == [True] * 16


async def test_who_waits_gets_it_when_it_is_given_back(storage: Storage) -> None:
    async with asyncio.timeout(60):
        async with held(storage, claim(), DAY) as first:
            waiting = asyncio.create_task(enter(storage, claim(run="other")))
            await asyncio.sleep(0.3)
            assert not waiting.done()
        assert await waiting > first.token


async def enter(storage: Storage, wanted: Claim, seconds: float = DAY) -> int:
    async with held(storage, wanted, seconds) as lease:
        return lease.token


async def test_a_holder_that_makes_signs_of_life_keeps_it_for_as_long_as_it_likes(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    async with held(storage, claim(), 0.8) as lease:
        waiting = asyncio.create_task(enter(storage, claim(run="other"), 0.8))
        await asyncio.sleep(3)
        assert not waiting.done()
        await lease.renew()
        assert not lease.is_stale
    await waiting


def elsewhere(storage: Storage, seconds: float) -> Lease:
    """A lease of a process that this machine knows nothing of, and that makes no sign of life."""
    holder = Holder(run="far", host="far-away", process=1, machine="another", started=1)
    entry = Entry(claim=claim(run="far"), holder=holder, seconds=seconds, nonce="n")
    number = boards.look(storage).next
    assert boards.take(storage, number, entry)
    return Lease(storage, number, entry, time.monotonic())


async def test_silence_is_waited_for_and_then_the_lost_holder_learns_who_took_over(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    lost = elsewhere(storage, 0.5)
    told: list[LeaseLost] = []
    lost.when_lost(told.append)
    began = time.monotonic()
    async with held(storage, claim(run="new"), DAY) as lease:
        assert time.monotonic() - began >= 0.5
        assert lease.token > lost.token
        assert lost.is_stale
        for ask in (lost.confirm, lost.renew, lost.confirm):
            with pytest.raises(LeaseLost, match=rf"far-away.*no sign of life.*run new, process {os.getpid()}"):
                await ask()
        assert len(told) == 1
        await lost.give_back()
        assert boards.look(storage).live == [lease.token]


async def test_a_clock_that_jumps_frees_and_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(str(tmp_path))
    async with held(storage, claim(), DAY):
        for jump in (10 * DAY, -10 * DAY):
            monkeypatch.setattr(time, "time", lambda jump=jump: jump)
            monkeypatch.setattr(time, "time_ns", lambda jump=jump: int(jump * 1e9))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await enter(storage, claim(run="other"))


HOLD = """
import asyncio, sys
from tasks.ledger.board import Claim
from tasks.ledger.leases import held
from tasks.rows.storage import Storage

async def main():
    claim = Claim(work="rate", run="child", intake="i", low=0, high=4096)
    async with held(Storage(sys.argv[1]), claim, float(sys.argv[2])) as lease:
        print("held", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@contextlib.contextmanager
def child(storage: Storage, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lease on everything."""
    command = [sys.executable, "-c", HOLD, storage.root, str(seconds)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


async def test_the_lease_of_a_dead_process_of_this_machine_is_free_at_once(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with child(storage, DAY) as process:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await enter(storage, claim())
        process.kill()  # and it is not waited for: it stays in the process table
        async with asyncio.timeout(20):
            assert await enter(storage, claim()) == 2


async def test_a_stopped_process_is_alive_until_its_lease_runs_out(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with child(storage, 2) as process:
        os.kill(process.pid, signal.SIGSTOP)
        began = time.monotonic()
        assert await enter(storage, claim()) == 2
        assert time.monotonic() - began >= 2


def test_who_is_dead_is_only_known_of_this_machine() -> None:
    here = this_process("run")
    assert not is_dead(here)
    assert is_dead(here.model_copy(update={"started": 1}))
    assert not is_dead(here.model_copy(update={"started": 1, "machine": "another"}))
    assert not is_dead(here.model_copy(update={"started": 1, "machine": None}))


async def test_leases_that_are_over_are_tidied_away_and_their_numbers_stay_taken(storage: Storage) -> None:
    lasting = held(storage, claim(0, 1), DAY)
    for _ in range(70):
        last = await enter(storage, claim(1, 2))
    assert last == 70
    old = boards.look(storage)
    assert old.floor >= 64
    assert len(storage.list(LEASES)) < 20
    async with lasting as lease:
        assert lease.token == 71
    holder = this_process("late")
    entry = Entry(claim=claim(), holder=holder, seconds=DAY, nonce="from an old listing")
    assert not boards.take(storage, 5, entry)
    assert boards.look(storage).live == []
    assert boards.ending(storage, 5) is not None


async def test_a_holder_whose_lease_was_tidied_away_learns_that_it_is_lost(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    lost = elsewhere(storage, 0.1)
    for _ in range(66):
        await enter(storage, claim(run="new"))
    assert boards.look(storage).floor > lost.token
    with pytest.raises(LeaseLost, match="tidied away"):
        await lost.renew()


def test_a_listing_that_lacks_a_lease_is_not_believed(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for _ in range(3):
        elsewhere(storage, DAY)
    storage.delete(boards.name(2, "json"))
    with pytest.raises(StorageError, match="missing"):
        boards.look(storage)


async def test_a_storage_that_fails_for_a_while_is_borne_but_nothing_is_sent_meanwhile(tmp_path: Path) -> None:
    folder, aside = tmp_path / "root", tmp_path / "aside"
    folder.mkdir()
    async with held(Storage(str(folder)), claim(), 0.4) as lease:
        folder.rename(aside)
        folder.write_text("a file where the root should be")
        await asyncio.sleep(1)
        assert lease.is_stale
        with pytest.raises(StorageError):
            await lease.confirm()
        folder.unlink()
        aside.rename(folder)
        await lease.confirm()
        assert not lease.is_stale
