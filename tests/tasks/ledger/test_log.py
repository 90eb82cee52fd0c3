"""The attempt log: few segments, and whatever `append` has returned from is on the storage."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import StorageError
from tasks.ledger.events import Asker, Event
from tasks.ledger.log import LOG, AttemptLog, GroupBounds
from tasks.rows.storage import Storage
from tasks.rows.tables import decode

REPOSITORY = Path(__file__).parents[3]
ASKER = Asker(run="run", stage="rate", shard="shard", problem_id="p" * 64, role="rater")


def event(number: int, **other: Any) -> Event:
    common = {"kind": "intent", "attempt": f"{number:032x}", "key": f"{number:064x}", "at_ms": number, "asker": ASKER}
    return Event(
        **{**common, "model": "m@1", "endpoint": "local", "sample": 0, "request": f"request {number}", **other}
    )


def logged(storage: Storage) -> list[str]:
    """Keys of all events on the storage, as another process would find them."""
    return [key for data in storage.read_all(storage.list(LOG)).values() for key in decode(data)["key"]]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def ignore(*_: Any) -> None:
    """Nobody wants to be told of segments."""


async def test_every_event_is_durable_when_append_returns(storage: Storage) -> None:
    async with AttemptLog(storage, "000-1000", GroupBounds(), ignore) as log:

        async def append(number: int) -> None:
            await asyncio.sleep(number % 5 / 1000)
            await log.append(event(number))
            assert event(number).key in await asyncio.to_thread(logged, storage)

        await asyncio.gather(*(append(number) for number in range(60)))


async def test_many_appends_share_few_segments_and_none_is_lost_or_doubled(storage: Storage) -> None:
    async with AttemptLog(storage, "000-1000", GroupBounds(), ignore) as log:
        await asyncio.gather(*(log.append(event(number)) for number in range(3000)))
        names = storage.list(LOG)
    assert sorted(logged(storage)) == [event(number).key for number in range(3000)]
    assert len(names) <= 20
    assert all(name.startswith("ledger/log/000-1000/") for name in names)


async def test_a_full_group_is_written_before_its_time(storage: Storage) -> None:
    patient = GroupBounds(seconds=60, events=4, bytes=100)
    async with asyncio.timeout(20), AttemptLog(storage, "x", patient, ignore) as log:
        await asyncio.gather(*(log.append(event(number)) for number in range(4)))
        await log.append(event(4, request="long " * 30))


async def test_what_waits_when_the_log_closes_is_written_first(storage: Storage) -> None:
    async with asyncio.timeout(20):
        async with AttemptLog(storage, "x", GroupBounds(seconds=60), ignore) as log:
            waiting = asyncio.create_task(log.append(event(1)))
            await asyncio.sleep(0)
        await waiting
    assert logged(storage) == [event(1).key]
    with pytest.raises(StorageError, match="closed"):
        await log.append(event(2))


async def test_two_writers_of_one_place_never_meet(storage: Storage) -> None:
    async with (
        AttemptLog(storage, "x", GroupBounds(), ignore) as one,
        AttemptLog(storage, "x", GroupBounds(), ignore) as other,
    ):
        await asyncio.gather(*((one, other)[number % 2].append(event(number)) for number in range(100)))
    assert sorted(logged(storage)) == [event(number).key for number in range(100)]


async def test_whoever_listens_is_told_of_each_segment_once_it_is_durable(storage: Storage) -> None:
    told: list[str] = []

    def committed(name: str, events: list[Event]) -> None:
        assert decode(storage.read(name))["key"].to_list() == [one.key for one in events]
        told.append(name)

    async with AttemptLog(storage, "x", GroupBounds(), committed) as log:
        for _ in range(3):
            await asyncio.gather(*(log.append(event(number)) for number in range(10)))
    assert sorted(told) == storage.list(LOG)


async def test_when_the_storage_fails_every_waiter_and_everyone_later_learns_it(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file where the folder should be")
    async with asyncio.timeout(20), AttemptLog(Storage(str(tmp_path)), "x", GroupBounds(), ignore) as log:
        outcomes = await asyncio.gather(*(log.append(event(n)) for n in range(50)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StorageError] * 50
        (tmp_path / "ledger").unlink()
        with pytest.raises(StorageError):
            await log.append(event(50))


async def test_an_event_that_no_table_can_hold_is_an_error_and_not_a_wait_for_ever(storage: Storage) -> None:
    async with asyncio.timeout(20), AttemptLog(storage, "x", GroupBounds(), ignore) as log:
        with pytest.raises(StorageError):
            await log.append(event(1, request="\ud800"))


WRITER = """
import asyncio, sys
from tasks.ledger.events import Asker, Event
from tasks.ledger.log import AttemptLog, GroupBounds
from tasks.rows.storage import Storage

async def main(root):
    asker = Asker(run="r", stage="s", shard="x", problem_id="p", role="rater")
    async with AttemptLog(Storage(root), "x", GroupBounds(), lambda *_: None) as log:
        async def append(worker):
            for i in range(100_000):
                key = f"{worker}-{i}"
                await log.append(Event(kind="intent", attempt=key, key=key, at_ms=0, asker=asker, model="m",
                                       endpoint="e", sample=0, request="x" * 500))
                sys.stdout.write(key + "\\n"); sys.stdout.flush()
        await asyncio.gather(*map(append, range(20)))

asyncio.run(main(sys.argv[1]))
"""


def test_a_killed_writer_loses_nothing_that_it_acknowledged(storage: Storage) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, storage.root], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(500)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [
            line.strip() for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        ]
    assert writer.returncode == -signal.SIGKILL
    durable = logged(storage)
    assert len(durable) == len(set(durable))
    assert set(acknowledged) <= set(durable)
