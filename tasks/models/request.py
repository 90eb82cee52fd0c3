"""The request key: what is asked, digested. Pure.

Every field that can change a reply is in `Request`; nothing else is. The endpoint's address, the lane, the run
and the stage are not, so two stages that ask the same thing share the reply, and moving an endpoint repays
nothing. The key is frozen by golden tests: a change to it orphans paid replies.

Every look-up makes a key, so what most requests share is turned into JSON once, and only messages each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json import JSONEncoder
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import UnstableValue
from tasks.models.prompt import Message, Prompt
from tasks.rows.fingerprint import canonical_json, digest_bytes

KEY_VERSION = 1
Structured = Literal["json_schema", "json_object", "none"]
"""How an endpoint is asked for an answer of a schema: it decodes by the schema; or it decodes any JSON object, or any
text, and reads the schema in the prompt."""
_QUOTED = JSONEncoder(ensure_ascii=False).encode
"""The JSON of a string, as `canonical_json` has it."""


class Model(BaseModel):
    """Which model answers. For paid APIs a dated name; for own engines a digest of weights as revision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="The name sent to the endpoint, and looked up in the price table")
    revision: str = Field(
        description="What pins the name: a date, a commit, or digests of weights, quantisation and template"
    )
    structured: Structured = Field(
        default="json_schema", description="How it is held to a schema; it bears on the answer, so it is in the key"
    )

    @property
    def identity(self) -> str:
        """`<name>@<revision>`, as the log has it; another way to ask for a schema than the usual is behind a `+`."""
        return f"{self.name}@{self.revision}{'' if self.structured == 'json_schema' else f'+{self.structured}'}"

    def terms(self, *, has_schema: bool) -> dict[str, str]:
        """What of the model enters a key; `structured` only where it changes what is sent."""
        usual = self.structured == "json_schema" or not has_schema
        return self.model_dump(exclude={"structured"} if usual else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A prompt to one model, in the form that is digested and stored."""

    model: Model
    messages: tuple[Message, ...]
    sampling: Mapping[str, float | int]
    response_schema: Mapping[str, Any] | None
    sample: int
    canonical: str = field(compare=False, repr=False)
    """The canonical JSON of the fields above and of `KEY_VERSION`."""
    key: str = field(compare=False)
    """SHA-256 of the canonical JSON: 64 hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What requests that differ in messages and sample share, and its part of the canonical JSON."""

    sampling: Mapping[str, float | int]
    response_schema: Mapping[str, Any] | None
    before_sample: str
    after_sample: str


def request(prompt: Prompt, model: Model, sample: int) -> Request:
    """What `prompt` means when it is asked of `model`. Raises `UnstableValue` for text or a sample that is none."""
    asked = prompt.sampling
    terms = _terms(model, asked.max_tokens, asked.temperature, asked.top_p, prompt.schema)
    if type(sample) is not int:
        raise UnstableValue(f"sample: {sample!r} is no whole number")
    messages = ",".join(map(_message, prompt.messages))
    canonical = (
        f'{{"key_version":{KEY_VERSION},"messages":[{messages}]{terms.before_sample}{sample}{terms.after_sample}'
    )
    return Request(
        model=model,
        messages=prompt.messages,
        sampling=terms.sampling,
        response_schema=terms.response_schema,
        sample=sample,
        canonical=canonical,
        key=digest_bytes(canonical.encode("utf-8", "surrogatepass")),
    )


def _message(message: Message) -> str:
    if not (isinstance(message.role, str) and isinstance(message.content, str)):
        raise UnstableValue(f"a message of {type(message.content).__name__} by {message.role!r} is no text")
    return f"[{_QUOTED(message.role)},{_QUOTED(message.content)}]"


@lru_cache(256, typed=True)  # typed: 1 and 1.0 are equal, and are two requests
def _terms(model: Model, max_tokens: int, temperature: float, top_p: float, schema: type[BaseModel] | None) -> _Terms:
    sampling = {
        "max_tokens": max_tokens,
        "temperature": float(temperature) + 0.0,  # -0.0 is 0.0
        "top_p": float(top_p) + 0.0,
    }
    response_schema = schema.model_json_schema() if schema else None
    asked, held = canonical_json(model.terms(has_schema=schema is not None)), canonical_json(response_schema)
    return _Terms(
        sampling=sampling,
        response_schema=response_schema,
        before_sample=f',"model":{asked},"response_schema":{held},"sample":',
        after_sample=f',"sampling":{canonical_json(sampling)}}}',
    )
