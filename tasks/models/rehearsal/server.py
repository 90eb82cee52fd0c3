"""The HTTP side: read a request, write it in the journal, send the reply."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from tasks.models.rehearsal import misbehaviour, wire
from tasks.models.rehearsal.batches import Batches, add_routes
from tasks.models.rehearsal.bill import microusd, tokens
from tasks.models.rehearsal.faults import LOST, STATUS, Fault, FaultPlan
from tasks.models.rehearsal.journal import Journal, body_sha256, line
from tasks.models.rehearsal.roles import MODELS, Utterance, WrongSchema, answer

MAX_BODY = 1024 * 1024
"""Bytes; longer request bodies get 413."""

CONTEXT = 16_384
"""Prompt tokens; longer prompts get 400, as from real servers."""


@dataclass(frozen=True, slots=True)
class _Refused(Exception):
    """A request that gets an error instead of a reply; it is not served and costs nothing."""

    status: int
    body: dict[str, Any]


def application(
    journal: Journal,
    latency_s: float = 0.0,
    faults: FaultPlan | None = None,
    reasoning_field: wire.ReasoningField = "reasoning_content",
    batches: Batches | None = None,
) -> web.Application:
    """The server as an aiohttp application, which misbehaves as planned. It does not close the journal.

    Without `batches` it has no batch lane.
    """
    numbers = count(1)
    plan = faults or FaultPlan()
    attempts: Counter[str] = Counter()

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        asked = _parse(body)
        _prompt_tokens(asked)
        digest = body_sha256(body)
        fault = plan.of_attempt(digest, attempts[digest])
        attempts[digest] += 1
        if fault in STATUS:
            return misbehaviour.answer_instead(fault, plan)
        if fault is Fault.HANG:
            return await misbehaviour.hang(request)
        if latency_s:
            await asyncio.sleep(latency_s)
        return await misbehaviour.deliver(request, asked, made(asked, body, fault), fault, plan)

    def made(
        asked: wire.Request, body: dict[str, Any], fault: Fault | None = None, *, batch: bool = False
    ) -> dict[str, Any]:
        """The reply to a request, on record."""
        prompt_tokens = _prompt_tokens(asked)
        said = misbehaviour.said(_answer(asked), plan.of_reply(body_sha256(body)))
        completion_tokens = tokens(said.reasoning or "", said.content, said.refusal or "")
        cost = microusd(asked.model, prompt_tokens, completion_tokens, batch=batch)
        lost = fault.value if fault in LOST else None
        journal.record(line(asked.model, body, prompt_tokens, completion_tokens, cost, lost))
        return wire.completion(
            asked,
            number=next(numbers),
            now=int(time.time()),
            content=said.content,
            reasoning=said.reasoning,
            finish_reason=said.finish_reason,
            usage=_usage(said, prompt_tokens, completion_tokens),
            refusal=said.refusal,
            reasoning_field=reasoning_field,
        )

    def in_batch(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            return 200, made(_parse(body), body, batch=True)
        except _Refused as refused:
            return refused.status, refused.body

    app = web.Application(client_max_size=MAX_BODY, middlewares=[_mark])
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_get("/v1/models", _models)
    if batches is not None:
        add_routes(app, batches, in_batch)
    app.router.add_get("/health", _health)
    app.router.add_get("/journal", lambda _: _json({**journal.report(), "rehearsal": True}))
    return app


def _usage(said: Utterance, prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": tokens(said.reasoning or "")},
    }


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as fault:
        raise _Refused(400, wire.error(f"the body is not JSON: {fault}", code="invalid_json")) from fault
    if not isinstance(body, dict):
        raise _Refused(400, wire.error("the body is not a JSON object", code="invalid_json"))
    return body


def _parse(body: dict[str, Any]) -> wire.Request:
    try:
        asked = wire.Request.model_validate(body)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _Refused(400, wire.error(f"{place}: {first['msg']}", code="invalid_request", param=place)) from fault
    if asked.model not in MODELS:
        known = ", ".join(MODELS)
        raise _Refused(
            404, wire.error(f"no model {asked.model!r}; there are {known}", code="model_not_found", param="model")
        )
    return asked


def _prompt_tokens(asked: wire.Request) -> int:
    count = tokens(*(turn.content for turn in asked.messages))
    if count > CONTEXT:
        message = f"the messages have {count} tokens; the context of {asked.model} is {CONTEXT}"
        raise _Refused(400, wire.error(message, code="context_length_exceeded", param="messages"))
    return count


def _answer(asked: wire.Request) -> Utterance:
    try:
        return answer(asked)
    except WrongSchema as fault:
        raise _Refused(400, wire.error(str(fault), code="invalid_schema", param="response_format")) from fault


@web.middleware
async def _mark(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every response says that it is a rehearsal, the errors too."""
    response: web.StreamResponse
    try:
        response = await handler(request)
    except _Refused as refused:
        response = web.json_response(refused.body, status=refused.status)
    except web.HTTPException as fault:
        response = web.json_response(wire.error(fault.reason, code="http_error"), status=fault.status)
    response.headers["X-Rehearsal"] = "true"
    return response


async def _json(body: dict[str, Any]) -> web.Response:
    return web.json_response(body)


async def _models(_: web.Request) -> web.Response:
    listed = [
        {"id": model, "object": "model", "created": 0, "owned_by": "rehearsal", "max_model_len": CONTEXT}
        for model in MODELS
    ]
    return web.json_response({"object": "list", "data": listed, "rehearsal": True})


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "rehearsal": True})
