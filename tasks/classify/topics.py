"""The topic of a problem: one path of a fixed tree, chosen by a model. Pure.

DeepMath-103K (https://arxiv.org/abs/2504.11456) gives every problem one chain of Omni-MATH's tree. The chain
is checked as part of reading the reply: one that is no path of the tree is asked for again with the error
shown, and then set aside. It is never patched to the nearest label: a repaired topic is a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from tasks.classify import constrained, tree
from tasks.errors import UnreadableReply
from tasks.models import template
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.structured import ask_structured
from tasks.rows.tables import Schema
from tasks.rows.verdict import Decision, keep, quarantine

VERSION = 2

PROMPT = Path(__file__).with_name("prompt.md")
PROMPT_EXTENDED = Path(__file__).with_name("prompt_extended.md")
FILES = (PROMPT, PROMPT_EXTENDED, tree.TREE, tree.EXTENDED)
"""The files whose text bears on the answer."""

COLUMNS: Schema = {
    "topic": pl.String,
    "topic_extended": pl.String,
    "topic_keys": pl.List(pl.String),
    "topic_note": pl.String,
}
"""The chain joined by " -> " (None where there is none), that of the extended tree (None where it is not asked for),
the request keys it took, and the model's reason for
it (for quarantined rows: what was wrong with its reply)."""

EVIDENCE: Mapping[str, Schema] = {}


class Reason(StrEnum):
    """Why a problem does not pass."""

    UNREADABLE_REPLY = "unreadable_reply"
    """Quarantined: the reply could not be read, nor could a second one, asked for with the error shown."""

    INVALID_CHAIN = "invalid_chain"
    """Quarantined: the second reply could be read, but its chain is no path of the tree."""


class Settings(BaseModel):
    """What bears on the topic."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    extended: bool = Field(
        default=False, description="Ask for a chain of the extended tree too: a second request for each problem."
    )
    constrained: bool = Field(
        default=False,
        description="Send every chain with the schema, so that an endpoint that decodes by it writes no other: for"
        " engines of one's own, since paid APIs bound the size of schemas.",
    )
    temperature: float = Field(default=0.0, ge=0, description="One topic is asked for, so the likeliest one.")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Nucleus sampling: probability mass kept.")
    max_tokens: int = Field(default=512, ge=1, description="Most tokens of the reply.")


class Topic(BaseModel):
    """The topic as the model writes it: a path of the tree from its root, two labels or more."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reason: str = Field(description="What the problem is mainly about.")
    chain: tuple[str, ...] = Field(description="Labels of the tree from its root downwards.")

    @field_validator("chain")
    @classmethod
    def _is_path(cls, chain: tuple[str, ...]) -> tuple[str, ...]:
        return _path(chain, tree.topics())


class ExtendedTopic(BaseModel):
    """The same of the extended tree."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reason: str = Field(description="What the problem is mainly about.")
    chain: tuple[str, ...] = Field(description="Labels of the tree from its root downwards.")

    @field_validator("chain")
    @classmethod
    def _is_path(cls, chain: tuple[str, ...]) -> tuple[str, ...]:
        return _path(chain, tree.extended())


def _path(chain: tuple[str, ...], of: tree.Tree) -> tuple[str, ...]:
    if fault := tree.fault(chain, of):
        raise PydanticCustomError(Reason.INVALID_CHAIN.value, "{fault}", {"fault": fault})
    return chain


def question(text: str, settings: Settings, *, extended: bool = False) -> Prompt:
    """The question to the model about one problem, the whole tree before it."""
    return Prompt(
        messages=user(
            template.render(
                template.load(PROMPT_EXTENDED if extended else PROMPT),
                tree=tree.outline(tree.extended() if extended else tree.topics()),
                problem=template.fence("problem", text),
            )
        ),
        sampling=Sampling(max_tokens=settings.max_tokens, temperature=settings.temperature, top_p=settings.top_p),
        schema=_schema(settings, extended=extended),
    )


def _schema(settings: Settings, *, extended: bool) -> type[BaseModel]:
    if settings.constrained:
        return constrained.schema(extended=extended)
    return ExtendedTopic if extended else Topic


async def decide(row: Mapping[str, Any], ask: Ask, settings: Settings) -> Decision:
    """Find the topic of one problem. Raises `EndpointError` when the endpoint gives no reply."""
    text = row["question"]
    keys: tuple[str, ...] = ()
    extended: ExtendedTopic | None = None
    try:
        topic, keys = await ask_structured(ask, question(text, settings), Topic)
        if settings.extended:
            extended, more = await ask_structured(ask, question(text, settings, extended=True), ExtendedTopic)
            keys += more
    except UnreadableReply as fault:
        return quarantine(_reason(fault), _columns(None, None, keys + fault.keys, str(fault)))
    return keep(_columns(topic.chain, extended.chain if extended else None, keys, topic.reason))


def _columns(
    topic: Sequence[str] | None, extended: Sequence[str] | None, keys: tuple[str, ...], note: str
) -> dict[str, Any]:
    return {
        "topic": " -> ".join(topic) if topic else None,
        "topic_extended": " -> ".join(extended) if extended else None,
        "topic_keys": list(keys),
        "topic_note": note,
    }


def _reason(fault: UnreadableReply) -> Reason:
    """Told by the validation error that the unreadable reply was raised from: was it the chain alone?"""
    cause: BaseException | None = fault
    while cause is not None and not isinstance(cause, ValidationError):
        cause = cause.__cause__
    wrong = {error["type"] for error in cause.errors()} if cause else set()
    return Reason.INVALID_CHAIN if wrong == {Reason.INVALID_CHAIN.value} else Reason.UNREADABLE_REPLY
