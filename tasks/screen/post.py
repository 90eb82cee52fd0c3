"""What the rules look at. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tasks.screen.markup import plain
from tasks.screen.text import core


@dataclass(frozen=True, slots=True)
class Post:
    """The whole text, the sentences that state the problem, and the source's answer, None if it has none."""

    text: str
    core: tuple[str, ...]
    answer: str | None
    lower: str
    """The text in small letters, for `says`."""

    def says(self, *words: str) -> bool:
        """Whether one of the words (small letters) occurs: a quick look before a slow pattern is tried."""
        return any(word in self.lower for word in words)


Rule = Callable[[Post], str | None]
"""The words that give a row away, or None where the rule is not sure."""


def read(question: str, answer: str | None) -> Post:
    """A row as the rules see it: without HTML, its talk told from its problem."""
    text = plain(question)
    return Post(text=text, core=tuple(core(text)), answer=(answer or "").strip() or None, lower=text.lower())
