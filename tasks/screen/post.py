"""What the rules look at. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from tasks.screen.markup import plain
from tasks.screen.text import core


@dataclass(frozen=True)
class Post:
    """The whole text, and the source's answer, None if it has none."""

    text: str
    answer: str | None
    lower: str
    """The text in small letters, for `says`."""

    @cached_property
    def core(self) -> tuple[str, ...]:
        """The sentences that state the problem; cut only once a rule wants them, which is most of the work."""
        return tuple(core(self.text))

    def says(self, *words: str) -> bool:
        """Whether one of the words (small letters) occurs: a quick look before a slow pattern is tried."""
        return any(word in self.lower for word in words)


Rule = Callable[[Post], str | None]
"""The words that give a row away, or None where the rule is not sure."""


def read(question: str, answer: str | None) -> Post:
    """A row as the rules see it: without HTML, its talk told from its problem."""
    text = plain(question)
    return Post(text=text, answer=(answer or "").strip() or None, lower=text.lower())
