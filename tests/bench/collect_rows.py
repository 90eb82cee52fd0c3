"""Made-up forum posts for `tests.bench.collect`, about 1.5 KB each; of a hundred two are copies, two rewordings.

A copy differs from an earlier post in spelling, a rewording in some of its words; posts have an answer.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path

_SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "ki",
    "lo",
    "mu",
    "ne",
    "pa",
    "ro",
    "su",
    "te",
    "vi",
    "xa",
    "ya",
    "zo",
)
_WORDS = tuple(a + b + c for a in _SYLLABLES for b in _SYLLABLES for c in _SYLLABLES[::4])
_SENTENCE = 14
_SENTENCES = 12


def post(number: int) -> dict[str, object]:
    """A row: the same for the same number."""
    kind = number % 100
    if kind in (50, 99) and number > 100:
        return {"id": number, **_told(number - 37, "copy")}
    if kind in (25, 75) and number > 100:
        return {"id": number, **_told(number - 11, "reworded")}
    return {"id": number, **_told(number, "")}


def write(path: Path, numbers: Iterable[int]) -> None:
    """Posts as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(post(number)) + "\n" for number in numbers)


def _told(number: int, how: str) -> dict[str, object]:
    drawn = random.Random(number)
    sentences = []
    for _ in range(_SENTENCES):
        words = drawn.choices(_WORDS, k=_SENTENCE)
        a, b = drawn.randrange(2, 99), drawn.randrange(2, 9)
        sentences.append(f"{' '.join(words)} ${a}x^{{{b}}} + {b}$ {words[0]}.".capitalize())
    text = " ".join([*sentences, rf"Find $\frac{{{drawn.randrange(9, 9999)}}}{{x}}$."])
    answer = str(drawn.randrange(10_000))
    if how == "copy":
        text = text.upper().replace(r"\FRAC", r"\dfrac").replace(" ", "  ")
    if how == "reworded":
        text = text.replace(" ba", " bo")
    return {"question": text, "answer": answer}
