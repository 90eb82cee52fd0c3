"""What the benches share: an endpoint in a process of its own, prompts, and clients to compare with."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tasks import world
from tasks.models import wire
from tasks.models.asker import Desk
from tasks.models.endpoint import Endpoint
from tasks.models.prices import Price
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.request import Model, request
from tasks.rows.shards import Shard
from tasks.rows.verdict import Decision, keep
from tasks.stage import Row, each_row
from tasks.world import Where

REPOSITORY = Path(__file__).parents[2]
CURATOR = REPOSITORY / ".bench/curator/bin/python"
MODEL = Model(name="bench", revision="1")
PRICE = Price(input="1", cached_input="1", output="1", as_of="2026-01-01", source="benchmark")
SHARD = Shard(intake="0" * 64, low=0, high=4096)


@dataclass(frozen=True, slots=True)
class Measured:
    """How long `count` requests took, and what they cost the client's process in CPU seconds."""

    count: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.count / self.seconds


class Stopwatch:
    """Started when it is made; `stop` says what it measured."""

    def __init__(self) -> None:
        self._began, self._burnt = time.perf_counter(), time.process_time()

    def stop(self, count: int) -> Measured:
        """What `count` requests took since the start."""
        return Measured(count, time.perf_counter() - self._began, time.process_time() - self._burnt)


def prompt(number: int) -> Prompt:
    """A short prompt, each another one."""
    return Prompt(messages=user(f"What is ${number}+{number}$?"), sampling=Sampling(max_tokens=100))


def reply(content: str) -> str:
    """The body of a chat completion."""
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = {"id": "x", "object": "chat.completion", "created": 0, "model": "bench"}
    return json.dumps({**whole, "choices": [choice], "usage": usage})


def problems(count: int) -> list[dict[str, Any]]:
    """Rows of a shard, in the order in which a stage gets them."""
    rows = [{"number": number, "problem_id": sha256(str(number).encode()).hexdigest()} for number in range(count)]
    return sorted(rows, key=lambda row: str(row["problem_id"]))


def serve(latency: float) -> None:
    """The endpoint: the same short reply after `latency` seconds; says its port on standard output."""
    body = reply("4").encode()

    async def answer(asked: web.Request) -> web.Response:
        await asked.read()
        if latency:
            await asyncio.sleep(latency)
        return web.Response(body=body, content_type="application/json")

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


@contextmanager
def endpoint(latency: float = 0.0) -> Iterator[str]:
    """The address of an endpoint that answers after `latency` seconds."""
    command = [sys.executable, "-m", "tests.bench.common", "--latency", str(latency)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.kill()


async def at_once(count: int, workers: int, one: Callable[[int], Awaitable[Any]]) -> Measured:
    """Do it `count` times, `workers` at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await one(number)

    watch = Stopwatch()
    await asyncio.gather(*(work() for _ in range(workers)))
    return watch.stop(count)


async def bare(address: str, count: int, concurrency: int) -> Measured:
    """A client that keeps nothing."""
    bodies = [wire.body(request(prompt(number), MODEL, 0)) for number in range(count)]
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def post(number: int) -> None:
            async with http.post(f"{address}/chat/completions", data=bodies[number], headers=headers) as answer:
                assert "choices" in await answer.json()

        return await at_once(count, concurrency, post)


async def asked(root: str, address: str, count: int, concurrency: int) -> tuple[Measured, Desk]:
    """This project: every attempt's two events durable. What is stored already is found instead."""
    where = Where(
        root=root,
        run="bench",
        endpoints={"bench": Endpoint(address=address, concurrency=concurrency)},
        routes={"rater": "bench"},
        prices={MODEL.name: PRICE},
    )
    rows = problems(count)

    async def decide(row: Row, ask: Ask) -> Decision:
        await ask(prompt(row["number"]))
        return keep({})

    async with world.desk(where, "rate", SHARD, {"rater": MODEL}) as desk:
        watch = Stopwatch()
        assert len(await each_row(rows, desk, "rater", decide)) == count
        return watch.stop(count), desk


def curator(address: str, count: int, concurrency: int) -> Measured:
    """bespokelabs-curator, in the environment of `make bench-env`."""
    client = str(Path(__file__).with_name("curator_client.py"))
    command = [str(CURATOR), client, address, "--count", str(count), "--concurrency", str(concurrency)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Measured(count, **json.loads(said.strip().splitlines()[-1]))


def say(what: str, figure: str) -> None:
    """One line of a bench's table."""
    print(f"{what:<70}{figure:>20}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, required=True, help="seconds")
    serve(parser.parse_args().latency)
