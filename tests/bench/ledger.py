"""What the ledger costs: `python -m tests.bench.ledger [--quick]`, all figures of one run on one machine.

The endpoint answers at once, from a process of its own, so every difference to the bare client is this
project's. Memory is the peak of a fresh process: one that opens a root and looks 1,000 replies up, one that merges
the log's small files, and one that adds up what was paid, as a look at a run does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from tasks import world
from tasks.ledger import spend as spends
from tasks.ledger.compaction import compact
from tasks.ledger.events import Asker, Event, segment
from tasks.ledger.fold import fold
from tasks.ledger.log import LOG
from tasks.models.request import request
from tasks.rows.storage import Storage
from tests.bench import memory
from tests.bench.common import (
    CURATOR,
    MODEL,
    REPOSITORY,
    Measured,
    asked,
    bare,
    curator,
    endpoint,
    problems,
    prompt,
    reply,
    say,
)
from tests.conftest import s3_server

CONCURRENCY = 64
LOOKED_UP = 1000
BARE, OURS, RIVAL = "bare aiohttp, nothing kept", "log on local disk", "bespokelabs-curator 0.1.31"


def fill(storage: Storage, replies: int, per_segment: int = 1000) -> None:
    """Attempts with replies of 2 KB (of 2,000 texts of random words), as the log would have them."""
    words = [secrets.token_urlsafe(random.randrange(2, 8)) for _ in range(5000)]
    texts = [reply(" ".join(random.choices(words, k=250))[:1900]) for _ in range(2000)]
    common: dict[str, Any] = {"model": MODEL.identity, "endpoint": "bench", "sample": 0}
    rows = problems(replies)
    for start in range(0, replies, per_segment):
        events = []
        for row in rows[start : start + per_segment]:
            made = request(prompt(row["number"]), MODEL, 0)
            asker = Asker(run="bench", stage="rate", shard="s", problem_id=row["problem_id"], role="rater")
            both = {**common, "attempt": f"{row['number']:032x}", "key": made.key, "at_ms": start, "asker": asker}
            body = random.choice(texts)
            events.append(Event(kind="intent", request=made.canonical, bound_microusd=9, **both))
            events.append(Event(kind="outcome", status="reply", body=body, microusd=7, served_model="bench", **both))
        storage.create(f"{LOG}/000-1000/fill-{start:010d}.parquet", segment(events))


def open_and_look_up(root: str, replies: int) -> None:
    """Find some of the stored replies and miss as many."""
    store = world.reply_store(root)
    store.refresh()
    known = [request(prompt(number), MODEL, 0).key for number in random.sample(range(replies), LOOKED_UP)]
    assert len(store.get_many(known)) == LOOKED_UP
    assert not store.get_many([key[::-1] for key in known])


def add_up(root: str, replies: int) -> None:
    """What was paid, as a look at a run does it."""
    paid = spends.together(fold(Storage(root), spends.outcomes))
    assert spends.spend(paid, spends.By.RUN)["replies"].sum() == replies


def merge(root: str, _: int) -> None:
    """The small files become few."""
    compact(Storage(root))


ALONE: dict[str, Callable[[str, int], None]] = {one.__name__: one for one in (open_and_look_up, add_up, merge)}


def alone(what: Callable[[str, int], None], root: str, replies: int) -> tuple[float, int]:
    """Do it in a process of its own: seconds of that, and its peak in MiB."""
    command = [sys.executable, "-m", "tests.bench.ledger", "--alone", what.__name__, root, "--replies", str(replies)]
    said = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout
    seconds, peak = said.split()
    return float(seconds), int(peak)


def throughput(folder: Path, address: str, count: int, rounds: int) -> None:
    """All clients take turns, so that a busy machine is busy for all of them."""
    taken: dict[str, list[Measured]] = {BARE: [], OURS: [], "log on S3": []}
    if CURATOR.exists():
        taken[RIVAL] = []
    with s3_server(folder / "s3") as remote:

        def bought(root: str) -> Measured:
            found, desk = asyncio.run(asked(root, address, count, CONCURRENCY))
            assert (desk.bought, desk.found) == (count, 0)
            return found

        asyncio.run(bare(address, 500, CONCURRENCY))
        for _ in range(rounds):
            taken[BARE].append(asyncio.run(bare(address, count, CONCURRENCY)))
            taken[OURS].append(bought(str(folder / secrets.token_hex(4))))
            taken["log on S3"].append(bought(remote()))
            if CURATOR.exists():
                taken[RIVAL].append(curator(address, count, CONCURRENCY))
    rates = {kind: median(one.rate for one in measured) for kind, measured in taken.items()}
    for kind, measured in taken.items():
        cpu = median(1000 * one.cpu_seconds / one.count for one in measured)
        say(
            f"requests/s, share of bare, CPU ms each: {kind}",
            f"{rates[kind]:,.0f}  {rates[kind] / rates[BARE]:.2f}  {cpu:.2f}",
        )
    if CURATOR.exists():
        say(f"{OURS}, times the requests/s of curator", f"{rates[OURS] / rates[RIVAL]:.2f}")
    else:
        say(RIVAL, "skipped: make bench-env")


def resume(root: str, count: int, state: str) -> None:
    found, desk = asyncio.run(asked(root, "http://127.0.0.1:9/v1", count, CONCURRENCY))
    assert (desk.bought, desk.found) == (0, count)
    say(f"cached replies/s on resume from {count:,} of 2 KB, {state}", f"{found.rate:,.0f}")
    say("  the same per CPU second", f"{count / found.cpu_seconds:,.0f}")


def main(quick: bool) -> None:
    count, rounds, stored = (1000, 1, 20_000) if quick else (5000, 3, 100_000)
    with tempfile.TemporaryDirectory() as name, endpoint() as address:
        folder = Path(name)
        throughput(folder, address, count, rounds)
        for replies in (10_000, stored) if quick else (10_000, stored, 1_000_000):
            root = str(folder / f"{replies}")
            fill(Storage(root), replies, per_segment=100 if replies <= stored else 1000)
            if replies == stored:
                resume(root, replies, "not compacted")
            _, opened = alone(open_and_look_up, root, replies)
            say(f"peak MiB with {replies:,} stored replies, not compacted", f"{opened}")
            before = len(Storage(root).list("ledger"))
            took, merging = alone(merge, root, replies)
            say(
                f"objects before and after compaction ({took:.1f} s)", f"{before} {len(Storage(root).list('ledger'))}"
            )
            world.reply_store.cache_clear()
            if replies == stored:
                resume(root, replies, "compacted")
            _, opened = alone(open_and_look_up, root, replies)
            say(f"peak MiB with {replies:,} stored replies, compacted", f"{opened}")
            took, adding = alone(add_up, root, replies)
            say(
                f"peak MiB of compacting {replies:,} replies, of adding them up ({took:.1f} s)", f"{merging} {adding}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller numbers, no million replies")
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--replies", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        began = time.perf_counter()
        ALONE[given.alone[0]](given.alone[1], given.replies)
        print(time.perf_counter() - began, memory.peak(os.getpid()))
    else:
        main(given.quick)
