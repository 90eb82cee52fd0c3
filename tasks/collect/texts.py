"""What rows are compared by when duplicates are looked for, and which of them are worth comparing. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tasks.rows.signature import Signature, signature


@dataclass(frozen=True)
class Text:
    """What a row is compared by."""

    row_id: str
    question: str
    answer: str | None

    @cached_property
    def signature(self) -> Signature:
        return signature(self.question)

    @cached_property
    def word_pairs(self) -> frozenset[tuple[str, ...]]:
        return frozenset(self.signature.word_pairs)


@dataclass(frozen=True, slots=True)
class Repeat:
    """The row that another repeats, and how alike the two are, in (0, 1], to 4 places."""

    of: str
    similarity: float
    how: Literal["near", "semantic"]


def grouped(
    standing: Iterable[Text], new: Iterable[Text], name: Callable[[Text], str | None]
) -> list[tuple[list[Text], list[Text]]]:
    """Standing and new texts of one name, where a new one has another to be compared with; None is no name."""
    groups: dict[str, tuple[list[Text], list[Text]]] = defaultdict(lambda: ([], []))
    for place, texts in enumerate((standing, new)):
        for text in texts:
            if (own_name := name(text)) is not None:
                groups[own_name][place].append(text)
    return [(old, own) for old, own in groups.values() if len(own) + min(len(old), 1) > 1]
