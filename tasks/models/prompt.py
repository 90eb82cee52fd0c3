"""What a stage asks a model, and what it gets back. Pure values.

A stage says *what* to ask (`Prompt`); the role it asks in the name of adds *whom* (the model's identity,
`tasks.models.request`). `Ask` is the only thing a stage knows of the outside: in tests it is a plain function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Every sampling value that is sent. All of them enter the request key."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question to a model: messages, sampling, and the schema of the answer where it is structured."""

    messages: tuple[Message, ...]
    sampling: Sampling
    schema: type[BaseModel] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A stored, paid reply. `reasoning` and `content` are kept apart and raw.

    `finish_reason` is the server's word: `stop`, `length` (cut by the token limit: paid, never retried
    blindly), `content_filter`, `refusal`, ...
    """

    key: str
    content: str
    reasoning: str
    finish_reason: str
    model: str


class Ask(Protocol):
    """Ask one role one thing. The reply is durable before it is returned.

    `sample` tells repeated questions apart: sample 1 of a prompt is a new, separately paid reply.
    Raises `EndpointError` when the endpoint gave no reply after all retries, and `RejectedRequest` when it will
    never answer this prompt.
    """

    async def __call__(self, prompt: Prompt, *, sample: int = 0) -> Reply: ...


def user(content: str) -> tuple[Message, ...]:
    """A conversation of one user turn."""
    return (Message(role="user", content=content),)
