"""A question that can be guessed, as an open one? Rules on its text: options are cut off, existence is counted."""

from __future__ import annotations

import re
from typing import Any

_FIRST_OPTION = re.compile(r"\s*(?:\(A\)|(?:^|(?<=\n))\s*A[.)]\s).*", re.DOTALL)
_ASKS_VALUE = re.compile(r"\b(?:what is|find|compute|evaluate|how many|determine|calculate)\b", re.IGNORECASE)
_EXISTS = re.compile(r"^(?:Is there|Does there exist|Do there exist|Are there) (?:an? |any )?([^?]+)\?$")


def convert(question: str) -> dict[str, Any]:
    """The converter's whole answer on one question; `question` is None where none of the rules fits."""
    stem = _FIRST_OPTION.sub("", question).strip()
    if stem != question.strip():
        asks = bool(_ASKS_VALUE.search(stem))
        return _said("the options are cut off" if asks else "the stem asks for no value", stem if asks else None)
    existence = _EXISTS.match(question.strip())
    if existence:
        return _said("what may exist is counted", f"How many are there of this kind: {existence.group(1)}?")
    return _said("no rule fits", None)


def _said(reason: str, question: str | None) -> dict[str, Any]:
    return {"reason": f"rehearsal rule: {reason}", "question": question}
