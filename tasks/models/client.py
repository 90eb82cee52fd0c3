"""The one place that sends: a body to an OpenAI-compatible server, over HTTP. It neither retries nor logs."""

from __future__ import annotations

import aiohttp

from tasks.models import retry
from tasks.models.answer import Answer
from tasks.models.endpoint import Line


async def send(http: aiohttp.ClientSession, payload: bytes, line: Line) -> Answer:
    """Send one request and wait for its end, whatever that is; never raises for what the network did."""
    headers = {"Content-Type": "application/json"}
    if line.api_key:
        headers["Authorization"] = f"Bearer {line.api_key}"
    limit = aiohttp.ClientTimeout(total=line.endpoint.timeout_seconds)
    try:
        async with http.post(
            f"{line.endpoint.address}/chat/completions", data=payload, headers=headers, timeout=limit
        ) as response:
            text = await response.text(encoding="utf-8", errors="replace")
            error = None if response.status == 200 else retry.error_class(response.status)
            return Answer(
                http_status=response.status,
                body=text,
                error=error,
                retry_after=response.headers.get("Retry-After"),
            )
    except TimeoutError:
        return Answer(http_status=0, body="", error="timeout")
    except (aiohttp.ClientError, OSError) as fault:
        return Answer(http_status=0, body=str(fault), error="cut")
