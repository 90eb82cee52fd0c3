"""What asking costs at a slow endpoint: `python -m tests.bench.models [--quick]`, all clients in one run.

The endpoint answers after 300 ms (`--latency`), from a process of its own; each client has 256 requests in flight.
CPU is that of the client's process, from its first request to its last reply in hand.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # read when litellm is imported

import litellm

from tests.bench.common import CURATOR, Measured, Stopwatch, asked, bare, curator, endpoint, prompt, say

CONCURRENCY = 256


async def with_litellm(address: str, count: int) -> Measured:
    """`litellm.acompletion` behind a semaphore; nothing is kept."""
    free = asyncio.Semaphore(CONCURRENCY)

    async def ask(number: int) -> None:
        messages = [{"role": one.role, "content": one.content} for one in prompt(number).messages]
        async with free:
            answer = await litellm.acompletion(
                model="openai/bench", api_base=address, api_key="none", messages=messages,
                max_tokens=100, temperature=0.0, top_p=1.0, num_retries=0, max_retries=0,
            )  # fmt: skip
        assert answer.choices[0].message.content

    watch = Stopwatch()
    await asyncio.gather(*(ask(number) for number in range(count)))
    return watch.stop(count)


async def ours(folder: Path, address: str, count: int) -> Measured:
    """This project, the log on local disk."""
    found, desk = await asked(str(folder / secrets.token_hex(4)), address, count, CONCURRENCY)
    assert (desk.bought, desk.found) == (count, 0)
    return found


def main(quick: bool, latency: float) -> None:
    count, rounds = (1500, 1) if quick else (10_000, 3)
    with tempfile.TemporaryDirectory() as name, endpoint(latency) as address:
        clients: dict[str, Callable[[], Measured]] = {
            "this project, log on local disk": lambda: asyncio.run(ours(Path(name), address, count)),
            "bare aiohttp, nothing kept": lambda: asyncio.run(bare(address, count, CONCURRENCY)),
            "litellm with a semaphore, nothing kept": lambda: asyncio.run(with_litellm(address, count)),
        }
        if CURATOR.exists():
            clients["bespokelabs-curator 0.1.31"] = lambda: curator(address, count, CONCURRENCY)
        asyncio.run(ours(Path(name), address, CONCURRENCY))
        asyncio.run(with_litellm(address, CONCURRENCY))
        taken: dict[str, list[Measured]] = {client: [] for client in clients}
        for _ in range(rounds):
            for client, measure in clients.items():
                taken[client].append(measure())
    print(f"{count:,} requests, {CONCURRENCY} in flight, {latency:.3f} s each; median of {rounds}")
    say("client", "req/s  ideal  CPU s/1,000")
    for client, measured in taken.items():
        rate = median(one.rate for one in measured)
        cpu = median(1000 * one.cpu_seconds / one.count for one in measured)
        say(client, f"{rate:,.0f}  {rate * latency / CONCURRENCY:.0%}  {cpu:.2f}")
    if not CURATOR.exists():
        say("bespokelabs-curator", "skipped: make bench-env")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer requests, one round")
    parser.add_argument("--latency", type=float, default=0.3, help="of the endpoint, in seconds")
    given = parser.parse_args()
    main(given.quick, given.latency)
