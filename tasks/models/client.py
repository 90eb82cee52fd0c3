"""The one place that sends: a body to a model, over HTTP or through litellm. It neither retries nor logs."""

from __future__ import annotations

import asyncio

import aiohttp

from tasks.models import litellm_client, retry
from tasks.models.answer import Answer
from tasks.models.endpoint import Endpoint, Line
from tasks.models.streaming import Assembly, BrokenStream, Events


async def send(http: aiohttp.ClientSession, payload: bytes, line: Line, session: str = "") -> Answer:
    """Send one request and wait for its end, whatever that is; never raises for what the network did.

    Where the endpoint has several replicas, requests of one `session` meet the same one.
    """
    if line.endpoint.kind == "litellm":
        return await litellm_client.send(payload, line)
    headers = {"Content-Type": "application/json"}
    if line.endpoint.sessions and session:
        headers["X-Session-Id"] = session
    if line.api_key:
        headers["Authorization"] = f"Bearer {line.api_key}"
    limit = aiohttp.ClientTimeout(total=line.endpoint.timeout_seconds)
    try:
        async with http.post(
            f"{line.endpoint.address}/chat/completions", data=payload, headers=headers, timeout=limit
        ) as response:
            if response.status == 200 and response.content_type == "text/event-stream":
                return await _streamed(response, line.endpoint)
            text = await response.text(encoding="utf-8", errors="replace")
            error = None if response.status == 200 else retry.error_class(response.status, text)
            return Answer(
                http_status=response.status,
                body=text,
                error=error,
                retry_after=response.headers.get("Retry-After"),
            )
    except TimeoutError:
        return Answer(http_status=0, body="", error="timeout")
    except aiohttp.ClientConnectorError as fault:  # nothing was sent, so nothing can have been paid
        return Answer(http_status=0, body=str(fault), error="unreachable")
    except (aiohttp.ClientError, OSError) as fault:
        return Answer(http_status=0, body=str(fault), error="cut")


async def _streamed(response: aiohttp.ClientResponse, endpoint: Endpoint) -> Answer:
    """The end of a stream. What came before a fault is in the body: it may have been paid."""
    heard, now = Assembly(), asyncio.get_running_loop().time
    first = None if endpoint.first_token_seconds is None else now() + endpoint.first_token_seconds
    error: str | None = None
    patience = asyncio.timeout_at(first)
    try:
        async with patience:
            await _listen(response, heard, patience, endpoint.stall_seconds)
        error = None if heard.done else "cut"
    except TimeoutError:
        error = "stalled" if patience.expired() else "timeout"
    except (BrokenStream, aiohttp.ClientError, OSError):
        error = "cut"
    return Answer(http_status=response.status, body=heard.body(), error=error)


async def _listen(
    response: aiohttp.ClientResponse, heard: Assembly, patience: asyncio.Timeout, stall: float | None
) -> None:
    events, now = Events(), asyncio.get_running_loop().time
    async for some in response.content.iter_any():
        for data in events.feed(some):
            if heard.add(data) and stall is not None:
                patience.reschedule(now() + stall)
            if heard.done:
                return
