"""The schema of a topic with every chain of the tree in it. Pure.

An engine that decodes by a schema (vLLM does) can then write no chain but those. Paid APIs bound how much a schema
may hold, so it is a choice of the recipe and not the rule. Replies are read the same way under either.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, WithJsonSchema

from tasks.classify import tree


@cache
def schema(*, extended: bool) -> type[BaseModel]:
    """The answer's schema, to be sent; it goes out with a request and reads nothing."""
    of = tree.extended() if extended else tree.topics()
    chains = [list(chain) for chain in tree.chains(of) if tree.fault(chain, of) is None]

    class ConstrainedTopic(BaseModel):
        model_config = ConfigDict(extra="forbid")

        reason: str
        chain: Annotated[tuple[str, ...], WithJsonSchema({"enum": chains})]

    return ConstrainedTopic
