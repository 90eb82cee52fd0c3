"""What the ledger costs: `python -m tests.bench.ledger [--quick]`, all figures of one run on one machine.

The endpoint answers at once, from a process of its own, so every difference to the bare client is this
project's. Memory is the peak of a fresh process that opens a root and looks 1,000 replies up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
from aiohttp import web

from tasks import world
from tasks.ledger.compaction import compact
from tasks.ledger.events import Asker, Event, segment
from tasks.ledger.log import LOG
from tasks.models import wire
from tasks.models.asker import Desk
from tasks.models.endpoint import Endpoint
from tasks.models.prices import Price
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.request import Model, request
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.rows.verdict import Decision, keep
from tasks.stage import Row, each_row
from tasks.world import Where
from tests.conftest import s3_server

REPOSITORY = Path(__file__).parents[2]
MODEL = Model(name="bench", revision="1")
PRICE = Price(input="1", cached_input="1", output="1", as_of="2026-01-01", source="benchmark")
SHARD = Shard(intake="0" * 64, low=0, high=4096)
CONCURRENCY = 64
LOOKED_UP = 1000


def prompt(number: int) -> Prompt:
    return Prompt(messages=user(f"What is ${number}+{number}$?"), sampling=Sampling(max_tokens=100))


def reply(content: str) -> str:
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"model": "bench", "choices": [choice], "usage": usage})


def serve() -> None:
    """The endpoint: the same short reply at once; says its port on standard output."""
    body = reply("4").encode()

    async def answer(asked: web.Request) -> web.Response:
        await asked.read()
        return web.Response(body=body, content_type="application/json")

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


@contextmanager
def endpoint() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.ledger", "--serve"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.kill()


async def at_once(count: int, one: Callable[[int], Awaitable[Any]], workers: int = CONCURRENCY) -> float:
    """Do it `count` times, `workers` at a time; how many a second."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await one(number)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(workers)))
    return count / (time.perf_counter() - began)


async def bare(address: str, count: int) -> float:
    """A client that keeps nothing."""
    bodies = [wire.body(request(prompt(number), MODEL, 0)) for number in range(count)]
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def post(number: int) -> None:
            async with http.post(f"{address}/chat/completions", data=bodies[number], headers=headers) as answer:
                assert "choices" in await answer.json()

        return await at_once(count, post)


async def asked(root: str, address: str, count: int) -> tuple[float, Desk]:
    """This project: every attempt's two events durable. What is stored already is found instead."""
    where = Where(
        root=root,
        run="bench",
        endpoints={"bench": Endpoint(address=address, concurrency=CONCURRENCY)},
        routes={"rater": "bench"},
        prices={MODEL.name: PRICE},
    )
    rows = problems(count)

    async def decide(row: Row, ask: Ask) -> Decision:
        await ask(prompt(row["number"]))
        return keep({})

    async with world.desk(where, "rate", SHARD, {"rater": MODEL}) as desk:
        began = time.perf_counter()
        assert len(await each_row(rows, desk, "rater", decide)) == count
        return count / (time.perf_counter() - began), desk


def problems(count: int) -> list[dict[str, Any]]:
    """Rows of a shard, in the order in which a stage gets them."""
    rows = [{"number": number, "problem_id": sha256(str(number).encode()).hexdigest()} for number in range(count)]
    return sorted(rows, key=lambda row: str(row["problem_id"]))


def fill(storage: Storage, replies: int, per_segment: int = 1000) -> None:
    """Attempts with replies of 2 KB, as the log would have them."""
    words = [secrets.token_urlsafe(random.randrange(2, 8)) for _ in range(5000)]
    common: dict[str, Any] = {"model": MODEL.identity, "endpoint": "bench", "sample": 0}
    rows = problems(replies)
    for start in range(0, replies, per_segment):
        events = []
        for row in rows[start : start + per_segment]:
            made = request(prompt(row["number"]), MODEL, 0)
            asker = Asker(run="bench", stage="rate", shard="s", problem_id=row["problem_id"], role="rater")
            both = {**common, "attempt": f"{row['number']:032x}", "key": made.key, "at_ms": start, "asker": asker}
            body = reply(" ".join(random.choices(words, k=250))[:1900])
            events.append(Event(kind="intent", request=made.canonical, bound_microusd=9, **both))
            events.append(Event(kind="outcome", status="reply", body=body, microusd=7, served_model="bench", **both))
        storage.create(f"{LOG}/000-1000/fill-{start:010d}.parquet", segment(events))


def peak(root: str, replies: int) -> None:
    """Open a root, find some of its replies and miss as many; says the peak of this process in MiB."""
    store = world.reply_store(root)
    store.refresh()
    known = [request(prompt(number), MODEL, 0).key for number in random.sample(range(replies), LOOKED_UP)]
    assert len(store.get_many(known)) == LOOKED_UP
    assert not store.get_many([key[::-1] for key in known])
    status = Path("/proc/self/status").read_text()  # getrusage would give the parent's peak, from before the exec
    print(int(status.split("VmHWM:")[1].split()[0]) // 1024)


def peak_of(root: str, replies: int) -> int:
    command = [sys.executable, "-m", "tests.bench.ledger", "--peak", root, "--replies", str(replies)]
    return int(subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout)


def say(what: str, figure: str) -> None:
    print(f"{what:<66}{figure:>16}", flush=True)


def throughput(folder: Path, address: str, count: int, rounds: int) -> None:
    """Bare, local and S3 take turns, so that a busy machine is busy for all of them."""
    with s3_server(folder / "s3") as fresh:
        local, remote = (lambda: str(folder / secrets.token_hex(4))), fresh
        asyncio.run(bare(address, 500))
        rates: dict[str, list[float]] = {"bare aiohttp": [], "log on local disk": [], "log on S3": []}
        for _ in range(rounds):
            rates["bare aiohttp"].append(asyncio.run(bare(address, count)))
            for kind, root in (("log on local disk", local()), ("log on S3", remote())):
                rate, desk = asyncio.run(asked(root, address, count))
                assert (desk.bought, desk.found) == (count, 0)
                rates[kind].append(rate)
    first = median(rates["bare aiohttp"])
    for kind, found in rates.items():
        say(
            f"requests/s, {kind} (median of {rounds}, part of bare)",
            f"{median(found):,.0f}  {median(found) / first:.2f}",
        )


def resume(root: str, count: int, state: str) -> None:
    rate, desk = asyncio.run(asked(root, "http://127.0.0.1:9/v1", count))
    assert (desk.bought, desk.found) == (0, count)
    say(f"cached replies/s on resume from {count:,} of 2 KB, {state}", f"{rate:,.0f}")


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
            say(f"peak MiB with {replies:,} stored replies, not compacted", str(peak_of(root, replies)))
            before, began = len(Storage(root).list("ledger")), time.perf_counter()
            compact(Storage(root))
            took = time.perf_counter() - began
            say(
                f"objects before and after compaction ({took:.1f} s)", f"{before} {len(Storage(root).list('ledger'))}"
            )
            world.reply_store.cache_clear()
            if replies == stored:
                resume(root, replies, "compacted")
            say(f"peak MiB with {replies:,} stored replies, compacted", str(peak_of(root, replies)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller numbers, no million replies")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    parser.add_argument("--replies", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
    elif given.peak:
        peak(given.peak, given.replies)
    else:
        main(given.quick)
