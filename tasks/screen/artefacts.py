r"""What collections print around a problem and is not the problem: its number, its points, where it was set. Pure."""

from __future__ import annotations

import re

_HEADING = re.compile(
    r"^\W{0,4}(?:problem|question|exercise|example|ex|q)\s*\.?\s*(?:no\.?\s*|\#\s*)?"
    r"(?:\d{1,4}(?:\.\d{1,3}){0,3}|[A-H]\d{1,2})\s*(?:[.:)\-–—]+|\n)[\s*_]*(?=\S)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"^\W{0,3}(?:(\d{1,3})\s?[.)]|(\d{1,3})\.\d{1,3}(?:[.)]|\.\d{1,3}[.)]?))[*_]{0,2}\s+(?=[A-Z$\\])"
)
_PLACE = r"(?:[A-Z][\w.'’&/-]{0,30}|of|and|the)"
_SET_IN = (
    rf"[(\[]\s*(?:{_PLACE}[\s,]{{1,3}}){{1,6}}(?:19|20)\d\d(?:\s*[-/]\s*\d{{1,4}})?"
    r"(?:\s*[,;:.]?\s*(?:[#№P]|(?:Problem|Question|No\.?|Round|Day|Part|Shortlist|Grade|Team)\b)?\s*[#A-Z]?\d{0,3}){0,3}"
    r"\s*[)\]]"
)
_POINTS = r"[(\[]\s*\d{1,3}\s*(?:pts?\.?|points?|marks?)\s*[)\]]"
_BEFORE = re.compile(rf"^\W{{0,4}}(?:{_SET_IN}|{_POINTS})[\s:.*_-]*(?=\S)")
_BEHIND = re.compile(rf"\s*(?:{_SET_IN}|{_POINTS})\s*\.?\s*$")
_MOST = 4


def without_artefacts(text: str) -> str:
    """The problem without a number, points or the name of a contest before or behind it; never nothing.

    A number stays where the next one follows in the text: it then counts conditions or parts.

    >>> without_artefacts("Problem 3: Find n. (AIME 1993, #4)"), without_artefacts("12. Find n. [5 points]")
    ('Find n.', 'Find n.')
    """
    for _ in range(_MOST):
        shorter = _BEHIND.sub("", _before(text))
        if shorter == text or not shorter.strip():
            break
        text = shorter
    return text.strip()


def _before(text: str) -> str:
    number = _NUMBER.match(text)
    if number and not _counted_on(text[number.end() :], int(number.group(1) or number.group(2))):
        return text[number.end() :]
    found = _HEADING.match(text) or _BEFORE.match(text)
    return text[found.end() :] if found else text


def _counted_on(rest: str, number: int) -> bool:
    return re.search(rf"(?:^|[\s(]){number + 1}\s?[.)]\s", rest) is not None
