"""Turns of a machine's processes: one at a time, but nobody is held up for ever."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.errors import StorageError
from tasks.ledger.machine import checked, turn

REPOSITORY = Path(__file__).parents[3]
HOLD = """
import asyncio
from tasks.ledger.machine import turn

async def main():
    async with turn("it", 60):
        print("mine", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


async def test_those_who_do_the_same_do_it_one_at_a_time() -> None:
    doing, order = 0, []

    async def work(number: int, what: str) -> None:
        nonlocal doing
        async with turn(what, 60):
            doing += what == "it"
            assert doing <= 1
            await asyncio.sleep(0.02)
            doing -= what == "it"
            order.append(number)

    await asyncio.gather(*(work(number, "it" if number % 3 else "another") for number in range(9)))
    assert sorted(order) == list(range(9))


@contextmanager
def process_in_turn() -> Iterator[None]:
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "mine\n"
            yield
        finally:
            process.kill()


async def test_another_process_is_waited_for_a_while_and_its_turn_ends_with_it() -> None:
    with process_in_turn():
        began = time.monotonic()
        async with turn("it", 0.5):
            assert time.monotonic() - began >= 0.5
    async with asyncio.timeout(20), turn("it", 60):
        pass


def test_a_folder_that_others_may_write_into_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(StorageError, match="not this user's alone"):
        checked(open_to_all)
    aside = tmp_path / "aside"
    aside.symlink_to(checked(tmp_path / "mine"))
    with pytest.raises(StorageError, match="not this user's alone"):
        checked(aside)
