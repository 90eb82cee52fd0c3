"""Paid APIs through litellm: one request out, one answer back. litellm neither retries, streams nor prices here.

It is imported when the first request goes out, with its price map read from its own files instead of the net, and
without reading a .env file. What is stored is its OpenAI form of the provider's reply. Where the provider reports no
usage, litellm reports zeros or counts by itself; a reply without prompt tokens is stored without usage, so that it is
unreadable instead of free.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from tasks.models import retry
from tasks.models.answer import Answer
from tasks.models.endpoint import Line

_BEFORE_IMPORT = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}

OURS = {"UnsupportedParamsError": "refused", "LiteLLMUnknownProvider": "refused", "PaymentRequiredError": "unpaid"}
"""Class of the retry table by exception, where that says more than the HTTP status."""

UNANSWERED = {
    "AuthenticationError": "refused",
    "PermissionDeniedError": "refused",
    "NotFoundError": "refused",
    "BadRequestError": "rejected",
    "UnprocessableEntityError": "rejected",
    "RateLimitError": "rate_limited",
    "Timeout": "timeout",
    "APIResponseValidationError": "garbled",
}
"""The same for exceptions without an HTTP answer's headers. All others are `cut`: litellm calls broken connections
and unreadable bodies server errors, and what they broke may have been paid.
"""


@cache
def loaded() -> Any:
    """litellm, imported and silenced. Takes seconds, so it is called off the event loop."""
    os.environ.update(_BEFORE_IMPORT)
    litellm: Any = import_module("litellm")
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.drop_params = False
    return litellm


async def send(payload: bytes, line: Line) -> Answer:
    """Send one request and wait for its end, whatever that is."""
    api = await asyncio.to_thread(loaded)
    try:
        async with asyncio.timeout(line.endpoint.timeout_seconds):
            reply = await api.acompletion(**_arguments(api, json.loads(payload), line))
    except TimeoutError:
        return Answer(http_status=0, body="", error="timeout")
    except Exception as fault:  # litellm raises what its providers' libraries raise, too
        return _failed(api, fault, line.api_key)
    return Answer(http_status=200, body=_stored(reply.model_dump(mode="json")), error=None)


def _arguments(api: Any, fields: dict[str, Any], line: Line) -> dict[str, Any]:
    """The call's arguments. A seed, which only tells samples apart, is left out where a provider takes none."""
    if "seed" not in (api.get_supported_openai_params(model=fields["model"]) or ()):
        del fields["seed"]
    return {
        **fields,
        "api_key": line.api_key,
        "api_base": line.endpoint.address or None,
        "timeout": line.endpoint.timeout_seconds,
        "num_retries": 0,
        "max_retries": 0,
    }


def _stored(reply: dict[str, Any]) -> str:
    usage = reply.get("usage") or {}
    if not usage.get("prompt_tokens"):
        reply.pop("usage", None)
    return json.dumps(reply, sort_keys=True, separators=(",", ":"))


def _failed(api: Any, fault: Exception, secret: str | None) -> Answer:
    headers = getattr(fault, "litellm_response_headers", None) or {}
    status = int(getattr(fault, "status_code", 0) or 0) if headers else 0
    said = str(fault).replace(secret, "(key)") if secret else str(fault)
    return Answer(
        http_status=status,
        body=said,
        error=_class(api, fault, OURS)
        or (status and retry.error_class(status, said))
        or _unanswered(api, fault, said),
        retry_after=headers.get("retry-after"),
    )


def _unanswered(api: Any, fault: Exception, said: str) -> str:
    found = _class(api, fault, UNANSWERED) or "cut"
    return retry.error_class(429, said) if found == "rate_limited" else found


def _class(api: Any, fault: Exception, table: Mapping[str, str]) -> str | None:
    """By the exception's own class, else its nearest base that is in the table."""
    known = {getattr(api, name): found for name, found in table.items()}
    return next((known[kind] for kind in type(fault).__mro__ if kind in known), None)
