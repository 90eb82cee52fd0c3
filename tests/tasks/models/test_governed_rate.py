"""Two processes under one limit, measured where it counts: at the server, by the time each request arrives."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.tasks.models.openai_server import completion

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
ROOT = Path(__file__).resolve().parents[3]


class Arrivals:
    """A server that answers after a tenth of a second and knows when it was asked, and by whom."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.names: list[str] = []

    async def serve(self, asked: web.Request) -> web.StreamResponse:
        self.times.append(time.monotonic())
        self.names.append((await asked.json())["messages"][0]["content"].split(":")[0])
        await asyncio.sleep(0.1)
        return web.json_response(completion())


@asynccontextmanager
async def serving(arrivals: Arrivals) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", arrivals.serve)
    async with TestServer(app, host="127.0.0.1") as running:
        yield str(running.make_url("/v1"))


async def ask(said: dict[str, Any]) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "tests.tasks.models.asking", json.dumps(said)]
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.PIPE)


def most_in_ten_seconds(times: list[float]) -> int:
    return max(sum(start <= one < start + 10 for one in times) for start in times)


async def test_two_runs_share_600_requests_a_minute_and_use_them(tmp_path: Path) -> None:
    arrivals = Arrivals()
    async with serving(arrivals) as address:
        said = {"root": str(tmp_path / "root"), "folder": str(tmp_path / "governor"), "address": address}
        runs = [await ask({**said, "name": name, "requests": 105}) for name in ("one", "two")]
        for run in runs:
            _, errors = await run.communicate()
            assert run.returncode == 0, errors.decode()[-2000:]
    assert len(arrivals.times) == 210
    assert most_in_ten_seconds(arrivals.times) <= 105
    both = [t for t, name in zip(arrivals.times, arrivals.names, strict=True) if name == "two"]
    busy = [t for t in arrivals.times if both[0] <= t <= both[-1]]  # the second comes last and has work to its end
    assert (len(busy) - 1) / (busy[-1] - busy[0]) >= 9.0
