"""math-verify as most people call it, to stand beside this verifier in measurements. Not part of any verdict."""

from __future__ import annotations

import logging

from math_verify import parse, verify

from tasks.verify.outcome import Equality

logging.getLogger("math_verify").setLevel(logging.CRITICAL)


def plain_verdict(gold: str, prediction: str) -> Equality:
    """Its verdict on the two texts, each put between dollars where it has neither dollars nor a box.

    Undecided where it says no and a side was read as nothing, or as mere text. Its timeouts, which use SIGALRM,
    are as they come: call it in the main thread.
    """
    sides = [parse(_wrapped(text)) for text in (gold, prediction)]
    if verify(*sides):
        return Equality.EQUAL
    read = all(any(not isinstance(part, str) for part in side) for side in sides)
    return Equality.DIFFERENT if read else Equality.UNDECIDED


def _wrapped(text: str) -> str:
    return text if "$" in text or r"\boxed" in text else f"${text}$"
