"""Markdown out of values, with text from outside shown as text: never as markup, links or HTML. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_LONGEST = 240
_NUMBER = re.compile(r"[\d,]+(\.\d+)?")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\s]+")


def table(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    """A table; columns whose first cell is a number stand to the right."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
    first = cells[0] if cells else [""] * len(columns)
    rule = ["---:" if _NUMBER.fullmatch(cell) else "---" for cell in first]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(columns), rule, *cells])


def literal(text: str, longest: int = _LONGEST) -> str:
    """Text from outside on one line of code, cut to `longest` characters.

    White space, and what has no width or turns the writing around, becomes one space. A code span has no markup in
    it, and no HTML; what would end it is taken out: backticks, and the bar that parts cells.
    """
    line = _UNSEEN.sub(" ", text).strip().replace("`", "'").replace("|", "\u00a6")
    cut = line if len(line) <= longest else f"{line[: longest - 1].rstrip()}\u2026"
    return f"`{cut}`" if cut else "(empty)"
