"""The request key: SHA-256 of the canonical JSON of every field that can change the reply. Pure.

In the key: the model's identity (name and revision), messages, every sampling value, the response schema and
the sample index. Not in it: the endpoint's address, lane, concurrency, run, stage or shard; two stages that
ask the same thing share the reply.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.models.prompt import Prompt
from tasks.rows.fingerprint import canonical_json, digest_bytes

KEY_VERSION = 1


class Model(BaseModel):
    """Which model answers. For paid APIs a dated name; for own engines a digest of weights as revision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="The name sent to the endpoint, and looked up in the price table")
    revision: str = Field(
        description="What pins the name: a date, a commit, or digests of weights, quantisation and template"
    )

    @property
    def identity(self) -> str:
        """`<name>@<revision>`, as the log has it."""
        return f"{self.name}@{self.revision}"


class Request(BaseModel):
    """A prompt to one model, in the form that is digested and stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Model
    messages: tuple[tuple[str, str], ...] = Field(description="(role, content), in order")
    sampling: dict[str, float | int]
    response_schema: dict[str, Any] | None
    sample: int

    @cached_property
    def canonical(self) -> str:
        """The canonical JSON that the key is the digest of."""
        return canonical_json({"key_version": KEY_VERSION, **{n: getattr(self, n) for n in type(self).model_fields}})

    @cached_property
    def key(self) -> str:
        """64 hex digits."""
        return digest_bytes(self.canonical.encode("utf-8", "surrogatepass"))


def request(prompt: Prompt, model: Model, sample: int) -> Request:
    """What `prompt` means when it is asked of `model`."""
    sampling = prompt.sampling
    return Request(
        model=model,
        messages=tuple((message.role, message.content) for message in prompt.messages),
        sampling={
            "max_tokens": sampling.max_tokens,
            "temperature": float(sampling.temperature),
            "top_p": float(sampling.top_p),
        },
        response_schema=_json_schema(prompt.schema) if prompt.schema else None,
        sample=sample,
    )


@cache
def _json_schema(answer: type[BaseModel]) -> dict[str, Any]:
    return answer.model_json_schema()
