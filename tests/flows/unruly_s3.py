"""A real HTTP proxy before a real S3 server, which misbehaves while it is told to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import aiohttp
from aiohttp import web
from yarl import URL

_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "content-encoding"}
_AUTO = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""What aiohttp would add to a request; the client's own headers are signed."""
_BUSY = "<Error><Code>ServiceUnavailable</Code><Message>Please reduce your request rate.</Message></Error>"


@dataclass
class UnrulyS3:
    """The proxy: `mood` says what it does with the next requests."""

    behind: str
    """Address of the S3 server."""
    mood: Literal["well", "503", "hang"] = "well"
    after: int = 0
    """So many writes still go well before the mood shows."""
    address: str = ""
    refused: int = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.mood != "well" and not self._still_well(request):
            self.refused += 1
            if self.mood == "503":
                return web.Response(status=503, text=_BUSY, content_type="application/xml")
            return await _hang(request)
        async with aiohttp.ClientSession(auto_decompress=False) as client:
            url = f"{self.behind}{request.raw_path}"
            # the host is signed, so it must stay the client's
            async with client.request(
                request.method,
                URL(url, encoded=True),
                data=body or None,
                headers=request.headers,
                skip_auto_headers=_AUTO,
            ) as answer:
                kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
                if request.method == "HEAD" and "Content-Length" in answer.headers:
                    kept["Content-Length"] = answer.headers["Content-Length"]
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    def _still_well(self, request: web.Request) -> bool:
        if self.after > 0 and request.method == "PUT":
            self.after -= 1
        return self.after > 0


async def _hang(request: web.Request) -> web.Response:
    """Answer nothing until the client has gone."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.1)
    return web.Response(status=499)


@contextmanager
def unruly(behind: str) -> Iterator[UnrulyS3]:
    """A proxy on a loop of its own thread, up for as long as the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxy = UnrulyS3(behind)

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", proxy.serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        proxy.address = f"http://{host}:{port}"
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
