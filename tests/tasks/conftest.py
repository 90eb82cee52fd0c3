"""A server to ask and a root to keep what it said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tasks.rows.storage import Storage
from tests.tasks.models.openai_server import Server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made.serve)
    async with TestServer(app, host="127.0.0.1") as running:
        made.address = f"{running.make_url('/v1')}"
        yield made


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "root"))
