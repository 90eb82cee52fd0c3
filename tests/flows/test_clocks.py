"""Clocks that are wrong, and one that jumps: nothing rests on them, so nothing is paid twice, lost or miscounted.

Three processes on one root with rows in common: one is ahead by hours, one behind by more than a day, and the clock
of the third goes to and fro while it works. libfaketime tells them the time; the monotonic clock, which no setting of
a machine's clock changes either, is left as it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from flows.curate import journal as journal_of
from flows.recipe import Recipe
from flows.services import rehearsal
from tasks.ledger.spend import events
from tasks.rows.storage import Storage
from tests.flows.bare import run
from tests.flows.test_paid_once import bill, outputs, process, recipe, served, slow, stored, told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
OFF = {"ahead": (5,), "behind": (-26,), "jumping": (9, -13)}
"""Hours. No two are alike, so each event of the log tells whose clock it was written by."""
SOME = {"ahead": (0, 6), "behind": (4, 8), "jumping": (10, 6)}
"""First problem and how many: each process has some of its own, and some that another wants as well."""


def given(folder: Path, name: str, address: str | None = None) -> Recipe:
    """A process's recipe; without an address it starts the models itself."""
    first, rows = SOME[name]
    made = recipe(folder / name, rows=rows, first=first).model_dump() | {"lease_seconds": 30}
    if address:
        made["endpoints"]["here"] |= {"kind": "openai", "address": address}
    return Recipe.model_validate(made)


@contextmanager
def clock(folder: Path, name: str) -> Iterator[Mapping[str, str]]:
    """The environment of a process whose clock is so many hours off; with several, now so, now so."""
    seconds, file, stop = [f"{hours * 3600:+d}" for hours in OFF[name]], folder / f"{name}.clock", threading.Event()
    env = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    if len(seconds) == 1:
        yield {**env, "FAKETIME": seconds[0]}
        return

    def turn() -> None:
        for offset in cycle(seconds):
            new = file.with_suffix(".new")
            new.write_text(offset, encoding="ascii")
            new.replace(file)  # so that it is never seen half written
            if stop.wait(0.1):
                return

    file.write_text(seconds[0], encoding="ascii")
    turning = threading.Thread(target=turn)
    turning.start()
    try:
        yield {**env, "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1"}
    finally:
        stop.set()
        turning.join()


@pytest.mark.skipif(LIBRARY is None, reason="no libfaketime here; install Debian's package faketime")
def test_processes_whose_clocks_are_wrong_and_jump_ask_everything_once_and_make_the_same(tmp_path: Path) -> None:
    root, undisturbed = str(tmp_path / "root"), str(tmp_path / "undisturbed")
    journal_of(root).parent.mkdir(parents=True)
    with ExitStack() as running:
        address = running.enter_context(rehearsal(journal_of(root), slow(tmp_path, 0.05)))
        children = []
        for name in SOME:
            env = running.enter_context(clock(tmp_path, name))
            mine = given(tmp_path, name, address)
            children.append(running.enter_context(process(mine, root, tmp_path, name, env)))
        codes = [child.wait(timeout=250) for child in children]
    words = "".join((tmp_path / f"{name}.log").read_text(errors="replace")[-2000:] for name in SOME)
    assert codes == [0, 0, 0], words
    counted = served(root)
    assert counted.total() == len(counted) == stored(root) > 16 * (6 + 3)
    assert (told(root).microusd, told(root).possibly_paid_attempts) == (bill(root), 0)
    assert hours_off(root) == {hours for some in OFF.values() for hours in some}
    for name in SOME:
        plan = run(given(tmp_path, name), undisturbed)
        assert outputs(root, plan) == outputs(undisturbed, plan)


def hours_off(root: str) -> set[int]:
    """By how many hours the clocks were off that the log was written by."""
    now = time.time()
    return {round((at_ms / 1000 - now) / 3600) for at_ms in events(Storage(root))["at_ms"]}
