"""The OpenAI wire format: what is read of a request, and what a reply looks like."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FINGERPRINT = "rehearsal-1"

ReasoningField = Literal["reasoning_content", "reasoning", "think"]
"""Where servers put what a model thought: vLLM has had both fields, and without a parser it stays in the content."""


class Turn(BaseModel):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str


class JsonSchema(BaseModel):
    """The schema of a structured answer, as in `response_format`."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = ""
    body: dict[str, Any] = Field(alias="schema")


class ResponseFormat(BaseModel):
    """`text`, or `json_schema` with the schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(BaseModel):
    """What a stream carries beside tokens."""

    include_usage: bool = False


class Request(BaseModel):
    """The fields that bear on a rehearsal's answer; others are allowed and count in the journal's digest."""

    model: str
    messages: list[Turn] = Field(min_length=1)
    seed: int = Field(default=0, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    n: Literal[1] = 1
    response_format: ResponseFormat | None = None

    @property
    def limit(self) -> int | None:
        """The most completion tokens that may be used."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def wanted_fields(self) -> set[str] | None:
        """The fields that the asked-for schema names, None where text is asked for."""
        if self.response_format is None or self.response_format.json_schema is None:
            return None
        return set(self.response_format.json_schema.body.get("properties", {}))


def fenced(request: Request, tag: str) -> str | None:
    """The last text between <tag> and </tag>, each on its own line, in the last user turn that has one."""
    fence = re.compile(rf"<{tag}>\n(.*?)\n</{tag}>", re.DOTALL)
    for turn in reversed(request.messages):
        if turn.role == "user" and (found := fence.findall(turn.content)):
            return str(found[-1])
    return None


def completion(
    request: Request,
    *,
    number: int,
    now: int,
    content: str,
    reasoning: str | None,
    finish_reason: str,
    usage: dict[str, Any],
    refusal: str | None = None,
    reasoning_field: ReasoningField = "reasoning_content",
) -> dict[str, Any]:
    """The body of a chat completion; `reasoning` and `refusal` None leave the field out."""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if refusal is not None:
        message |= {"content": None, "refusal": refusal}
    if reasoning is not None and reasoning_field == "think":
        message["content"] = f"<think>\n{reasoning}\n</think>\n\n{content}"
    elif reasoning is not None:
        message[reasoning_field] = reasoning
    return {
        "id": f"chatcmpl-rehearsal-{number}",
        "object": "chat.completion",
        "created": now,
        "model": request.model,
        "system_fingerprint": FINGERPRINT,
        "rehearsal": True,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
        "usage": usage,
    }


def error(message: str, *, code: str, param: str | None = None) -> dict[str, Any]:
    """An OpenAI-style error body."""
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": param, "code": code},
        "rehearsal": True,
    }
