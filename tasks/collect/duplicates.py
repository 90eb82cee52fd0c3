"""Which rows repeat another's problem in other than the same spelling: near duplicates, then semantic ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from tasks.collect import near, semantic
from tasks.collect.semantic import Embed, embedded
from tasks.collect.texts import Repeat, Text


class Settings(BaseModel):
    """What bears on which rows are kept, beside the sources."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    near_duplicates: float | None = Field(
        default=0.6,
        gt=0,
        le=1,
        description="Share of word pairs from which on rows with the same numbers, signs and answer are one problem; "
        "null: only exact copies are (the paper)",
    )
    semantic_duplicates: semantic.Settings | None = Field(
        default=None, description="When rows in other words are one problem; null: never (the paper)"
    )


def find(
    older: Sequence[Text], new: Sequence[Text], settings: Settings, embed: Embed | None = None
) -> dict[str, Repeat]:
    """What the `new` rows repeat, by row id. A row that a near duplicate repeats may itself be a semantic one.

    `embed` gives vectors; else texts are embedded here. Raises `RecipeError` where the embedder is not to be had.
    """
    found: dict[str, Repeat] = {}
    if settings.near_duplicates is not None:
        found |= near.repeats(older, new, settings.near_duplicates)
    if (how := settings.semantic_duplicates) is not None:
        left = [text for text in new if text.row_id not in found]
        found |= semantic.repeats(older, left, how.similarity, embed or partial(embedded, settings=how.embedder))
    return found


def standing(row_id: str, found: Mapping[str, Repeat]) -> str:
    """The row that stands for a row: itself, unless it repeats another."""
    while row_id in found:
        row_id = found[row_id].of
    return row_id
