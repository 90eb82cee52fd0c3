"""The HTTP side of faults: how a reply that is already made and on record goes out wrong."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from tasks.models.rehearsal import streaming, wire
from tasks.models.rehearsal.faults import STATUS, Fault, FaultPlan
from tasks.models.rehearsal.roles import REFUSAL, Utterance

OTHER_MODEL = "rehearsal/other"
_PIECES = 10
_LOOK_SECONDS = 0.1


def said(utterance: Utterance, fault: Fault | None) -> Utterance:
    """What the model says instead, where the fault is its own."""
    if fault is Fault.REFUSAL:
        return Utterance(content="", refusal=REFUSAL)
    if fault is Fault.CONTENT_FILTER:
        return Utterance(content="", reasoning=utterance.reasoning, finish_reason="content_filter")
    if fault is Fault.LENGTH:
        half = utterance.content[: len(utterance.content) // 2]
        return Utterance(content=half, reasoning=utterance.reasoning, finish_reason="length")
    return utterance


def answer_instead(fault: Fault, plan: FaultPlan) -> web.Response:
    """The error that is sent instead of a reply, for the faults of `STATUS`."""
    headers = {"Retry-After": f"{plan.retry_after_seconds:g}"} if fault is Fault.RETRY_AFTER else {}
    body = wire.error(f"planned fault: {fault.value}", code=fault.value)
    return web.json_response(body, status=STATUS[fault], headers=headers)


async def hang(request: web.Request) -> web.Response:
    """Answer nothing until the client has gone."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(_LOOK_SECONDS)
    return web.Response(status=499)


async def deliver(
    request: web.Request, asked: wire.Request, reply: dict[str, Any], fault: Fault | None, plan: FaultPlan
) -> web.StreamResponse:
    """Send a reply as the fault has it, in one piece or streamed as was asked."""
    if fault is Fault.WRONG_MODEL:
        reply = {**reply, "model": OTHER_MODEL}
    elif fault is Fault.NO_USAGE:
        reply = {name: value for name, value in reply.items() if name != "usage"}
    if asked.stream:
        data, kind = streaming.events(reply, usage=asked.stream_options.include_usage), streaming.CONTENT_TYPE
    else:
        data, kind = json.dumps(reply).encode(), "application/json"
    if fault is Fault.MALFORMED:
        return web.Response(body=data[: len(data) // 2], content_type=kind)
    if fault in (Fault.CUT_BEFORE, Fault.CUT_HALFWAY):
        return await _cut(
            request, _announced(data, kind), b"" if fault is Fault.CUT_BEFORE else data[: len(data) // 2]
        )
    if fault is Fault.SLOW:
        return await _slowly(request, _announced(data, kind), data, plan.slow_seconds)
    return web.Response(body=data, content_type=kind)


async def _cut(request: web.Request, response: web.StreamResponse, sent: bytes) -> web.StreamResponse:
    if sent:
        await response.prepare(request)
        await response.write(sent)
    if request.transport is not None:
        request.transport.close()
    return response


async def _slowly(
    request: web.Request, response: web.StreamResponse, whole: bytes, seconds: float
) -> web.StreamResponse:
    await response.prepare(request)
    size = -(-len(whole) // _PIECES)
    for start in range(0, len(whole), size):
        await asyncio.sleep(seconds / _PIECES)
        await response.write(whole[start : start + size])
    await response.write_eof()
    return response


def _announced(whole: bytes, kind: str) -> web.StreamResponse:
    headers = {"Content-Type": kind, "Content-Length": str(len(whole)), "X-Rehearsal": "true"}
    return web.StreamResponse(headers=headers)
