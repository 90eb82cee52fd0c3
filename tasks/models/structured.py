"""Structured answers: read strictly, re-ask once with the error shown, then give up. Never a guess.

The re-ask takes its own conversation (the bad answer and the error are shown), so it cannot find its own
bad reply in the response store.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tasks.errors import UnreadableReply
from tasks.models.prompt import Ask, Message, Prompt, Reply

_FENCE = re.compile(r"```(?:json)?\n(.*)\n```", re.DOTALL)

M = TypeVar("M", bound=BaseModel)


def parse(schema: type[M], reply: Reply) -> M:
    """Read a reply's content as JSON of `schema`, or raise `UnreadableReply`."""
    if reply.finish_reason != "stop":
        raise UnreadableReply(f"reply ended with {reply.finish_reason!r}, not 'stop'", (reply.key,))
    try:
        return schema.model_validate_json(_unfenced(reply.content))
    except ValidationError as fault:
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'reply'}: {e['msg']}" for e in fault.errors(include_url=False)
        )
        raise UnreadableReply(faults, (reply.key,)) from fault


def _unfenced(content: str) -> str:
    """The content without the code fence that models put around JSON, if that is all there is around it."""
    fenced = _FENCE.fullmatch(content.strip())
    return fenced.group(1) if fenced else content.strip()


async def ask_structured(ask: Ask, prompt: Prompt, schema: type[M], *, sample: int = 0) -> tuple[M, tuple[str, ...]]:
    """Ask for an answer of `schema`; re-ask once with the error shown.

    Returns the answer and the request keys it took. Raises `UnreadableReply` (with those keys) when both
    replies are unreadable.
    """
    first = await ask(prompt, sample=sample)
    try:
        return parse(schema, first), (first.key,)
    except UnreadableReply as fault:
        again = replace(
            prompt,
            messages=(
                *prompt.messages,
                Message(role="assistant", content=first.content),
                Message(
                    role="user",
                    content=f"That answer could not be read: {fault}. Answer again with valid JSON only.",
                ),
            ),
        )
    second = await ask(again, sample=sample)
    keys = (first.key, second.key)
    try:
        return parse(schema, second), keys
    except UnreadableReply as fault:
        raise UnreadableReply(f"unreadable twice: {fault}", keys) from fault
