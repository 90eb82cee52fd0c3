"""A multiple-choice question taken apart: its stem, its options, and which of them is right. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MARK = re.compile(
    r"""(?:(?<=[\s$~?.:;,}])|^)(?:\\(?:q?quad|hspace\{[^{}]*\}|[,;! ]|\\)\s*)*
        (?:\$\s*)?(?:\\(?:text|textbf|mathrm|mathbf|bf|rm)\s*\{?\s*)?
        (?:[(\[]\s*([A-Ha-h])\s*[)\]]|([A-Ha-h])\s?[.):](?=[\s$\\\d-]))\s*\}?(?:\\[ ,;!])*\s*""",
    re.VERBOSE | re.MULTILINE,
)
_EDGE = re.compile(
    r"^(?:[\s,;~]|\\(?:q?quad|hspace\{[^{}]*\}|[,;! \\]))+|(?:[\s,;~]|\\(?:q?quad|hspace\{[^{}]*\}|[,;! \\]))+$"
)
_LETTER = re.compile(
    r"^\W*(?:\\?(?:text|textbf|mathrm)\s*\{)?\W*(?:option\s+|answer\s+)?([A-Ha-h])\W*$", re.IGNORECASE
)
_LEFT_OVER = re.compile(r"\b(?:all|none|neither|both|either|cannot\s+be\s+determined|not\s+enough)\b", re.IGNORECASE)
_GOES_ON = re.compile(r"[.?!;]\s+[A-Z]|\n\s*\n|\bwhere\b|\bassume\b|\bgiven\b", re.IGNORECASE)
"""After the last option stands more than the option: perhaps a condition, so nobody can tell where the list ends."""
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Choices:
    """The text before the first option, and the options by capital letter."""

    stem: str
    options: Mapping[str, str]


def choices(text: str) -> Choices | None:
    """A question's stem and options, or None where no list that begins with A, B can be told from the text.

    >>> choices("What is 2 + 3? (A) 4 (B) 5 (C) 6")
    Choices(stem='What is 2 + 3?', options={'A': '4', 'B': '5', 'C': '6'})
    """
    marks = _in_order(list(_MARK.finditer(text)))
    if len(marks) < _FEWEST:
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    options = {_label(mark): _trimmed(text[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)}
    stem = text[: marks[0].start()].strip()
    whole = stem and all(options.values()) and not _GOES_ON.search(text[marks[-1].end() :].strip())
    return Choices(stem, options) if whole else None


def right(found: Choices, answer: str | None) -> str | None:
    """The text of the option that the source's answer names, or None: no letter, or an option on other options."""
    letter = _LETTER.match(answer or "")
    option = found.options.get(letter.group(1).upper()) if letter else None
    return None if option is None or _LEFT_OVER.search(option) else option


def _label(mark: re.Match[str]) -> str:
    return str(mark.group(1) or mark.group(2)).upper()


def _style(mark: re.Match[str]) -> tuple[bool, bool]:
    return mark.group(1) is None, (mark.group(1) or mark.group(2)).isupper()


def _in_order(marks: list[re.Match[str]]) -> list[re.Match[str]]:
    """The marks from the last "A" on, those of its style; none where they do not go A, B, C, ..., each once."""
    begin = next((place for place in reversed(range(len(marks))) if _label(marks[place]) == "A"), len(marks))
    run = [mark for mark in marks[begin:] if _style(mark) == _style(marks[begin])]
    return run if [_label(mark) for mark in run] == list("ABCDEFGH")[: len(run)] else []


def _trimmed(option: str) -> str:
    """Without spacing at its ends, and without a dollar whose partner stands outside."""
    bare = _EDGE.sub("", option).rstrip(".")
    while bare.count("$") % 2:
        bare = _EDGE.sub("", bare.removesuffix("$") if bare.endswith("$") else bare.replace("$", "", 1))
    while bare.count("}") > bare.count("{"):
        bare = bare[::-1].replace("}", "", 1)[::-1]
    return _EDGE.sub("", bare)
