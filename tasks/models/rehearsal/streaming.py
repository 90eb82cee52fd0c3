"""A completion as a stream of server-sent events, the way vLLM and OpenAI send one. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

CONTENT_TYPE = "text/event-stream"
PIECE = 64
"""Characters of one delta."""


def events(reply: dict[str, Any], *, usage: bool) -> bytes:
    """A completion as the bytes of its stream; `usage` asks for the counts at the end, where the reply has them."""
    said = [json.dumps(chunk) for chunk in chunks(reply, usage=usage and "usage" in reply)]
    return "".join(f"data: {data}\n\n" for data in (*said, "[DONE]")).encode("ascii")


def chunks(reply: dict[str, Any], *, usage: bool) -> Iterator[dict[str, Any]]:
    """The chunks of a completion: its role, its reasoning, its content, its end, and its usage where asked for."""
    (choice,) = reply["choices"]
    own = {name: value for name, value in reply.items() if name not in ("choices", "usage")}
    own["object"] = "chat.completion.chunk"

    def chunk(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
        return {**own, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}

    message = choice["message"]
    yield chunk({"role": message["role"], "content": ""})
    for field in sorted(message, key=lambda name: name == "content"):
        if field != "role":
            text = message[field] or ""
            yield from (chunk({field: text[i : i + PIECE]}) for i in range(0, len(text), PIECE))
    yield chunk({}, choice["finish_reason"])
    if usage:
        yield {**own, "choices": [], "usage": reply["usage"]}
