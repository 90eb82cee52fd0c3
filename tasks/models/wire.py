"""The OpenAI-compatible wire format: the body of a request, and how a raw reply is read. Pure.

Reading is a pure function of the stored body, so a better reader costs nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

from tasks.errors import UnreadableReply
from tasks.models.prompt import Reply
from tasks.models.request import Request

SCHEMA_FOLLOWS = "\n\nAnswer with one JSON object of this JSON schema and nothing else:\n"
"""Put behind the last message for models that are not held to a schema. Frozen: it bears on what keys stand for."""

_THINK = re.compile(r"^\s*(?:<think>)?(.*?)</think>", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts as reported; cached ones are among the prompt's, reasoning among the completion's."""

    prompt: int
    cached: int
    completion: int
    reasoning: int


def body(request: Request, *, streamed: bool = False) -> bytes:
    """The JSON body of a chat completion. The sample index goes out as `seed`; `streamed` changes no answer."""
    fields: dict[str, Any] = {
        "model": request.model.name,
        "messages": [{"role": one.role, "content": one.content} for one in request.messages],
        **request.sampling,
        "seed": request.sample,
        **_response_format(request),
    }
    if request.response_schema is not None and request.model.structured != "json_schema":
        fields["messages"][-1]["content"] += SCHEMA_FOLLOWS + json.dumps(request.response_schema)
    if streamed:
        fields |= {"stream": True, "stream_options": {"include_usage": True}}
    try:
        return orjson.dumps(fields)
    except TypeError:  # halves of surrogate pairs
        return json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _response_format(request: Request) -> dict[str, Any]:
    if request.response_schema is None or request.model.structured == "none":
        return {}
    if request.model.structured == "json_object":
        return {"response_format": {"type": "json_object"}}
    schema = {"name": "answer", "schema": request.response_schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def completion(raw: str) -> dict[str, Any]:
    """The first choice of a raw body, checked to be a chat completion; raises `UnreadableReply` else."""
    try:
        found = _parsed(raw)
        choice = found["choices"][0]
        if not isinstance(choice["message"], dict):
            raise TypeError("message is not an object")
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as fault:
        raise UnreadableReply(f"not a chat completion: {fault}") from fault
    return dict(found)


def _parsed(raw: str) -> Any:
    """JSON by the quick parser, and by the patient one what that refuses: halves of surrogate pairs, NaN."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw)


def reply(key: str, raw: str) -> Reply:
    """A stored body as a `Reply`. Raises `UnreadableReply` if it is no chat completion."""
    return read(key, completion(raw))


def read(key: str, found: dict[str, Any]) -> Reply:
    """A chat completion as a `Reply`.

    Reasoning is taken from `reasoning`, `reasoning_content` or <think> tags, whichever the server uses
    (vLLM renamed the field).
    """
    choice = found["choices"][0]
    message = choice["message"]
    content = text(message.get("content"))
    reasoning = text(message.get("reasoning")) or text(message.get("reasoning_content"))
    if not reasoning and "</think>" in content:
        thought = _THINK.match(content)
        if thought:
            reasoning, content = thought.group(1).strip(), content[thought.end() :].lstrip()
    refusal = text(message.get("refusal"))
    return Reply(
        key=key,
        content=content or refusal,
        reasoning=reasoning,
        finish_reason="refusal" if refusal and not content else text(choice.get("finish_reason")) or "unknown",
        model=text(found.get("model")),
    )


def usage(found: dict[str, Any]) -> Usage:
    """Token counts of a chat completion; raises `UnreadableReply` where the server reports none.

    Cached tokens that are not reported, or are more than the prompt has, count as not cached: the dearer reading.
    """
    prompt = _count(found, "usage", "prompt_tokens")
    completion = _count(found, "usage", "completion_tokens")
    if prompt is None or completion is None:
        raise UnreadableReply("the reply carries no usage, so its cost is unknown")
    cached = _count(found, "usage", "prompt_tokens_details", "cached_tokens")
    if cached is None:  # DeepSeek's own field
        cached = _count(found, "usage", "prompt_cache_hit_tokens") or 0
    return Usage(
        prompt=prompt,
        cached=cached if cached <= prompt else 0,
        completion=completion,
        reasoning=_count(found, "usage", "completion_tokens_details", "reasoning_tokens") or 0,
    )


def _count(found: Any, *path: str) -> int | None:
    """The count at a path of nested objects, or None if nothing there is one."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if type(found) is int and 0 <= found < 2**31 else None


def text(value: Any) -> str:
    """A string that every file can hold: JSON can smuggle in halves of surrogate pairs, which none can."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
