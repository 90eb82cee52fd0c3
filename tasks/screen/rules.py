"""Rules that need no model: each names a row that cannot be used, and only where it is sure. Pure.

What a rule cannot be sure of is left to the model, so every pattern is judged by what it drops wrongly
(`python -m tasks.screen.evaluate`). Where such rules are known to be fooled: "in what year will the census show
that ...", "find, with proof, ...", a column puzzle with columns A to E, conditions marked (a) and (b).
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.screen import answers, asking, bare, choices, lacking
from tasks.screen.post import Post, Rule, read
from tasks.screen.reasons import Reason

_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """A drop by rule: the reason, and the words that gave it away (at most 120 characters)."""

    reason: Reason
    matched: str


RULES: tuple[tuple[Reason, Rule], ...] = (
    (Reason.LENGTH, bare.length),
    (Reason.BOILERPLATE, bare.boilerplate),
    (Reason.NOT_ENGLISH, lacking.not_english),
    (Reason.BROKEN_MARKUP, lacking.broken_markup),
    (Reason.MISSING_IMAGE, lacking.missing_image),
    (Reason.NOT_SELF_CONTAINED, lacking.not_self_contained),
    (Reason.MULTIPLE_CHOICE, choices.multiple_choice),
    (Reason.NOT_A_QUESTION, asking.not_a_question),
    (Reason.MULTI_PART, choices.multi_part),
    (Reason.PROOF, asking.proof),
    (Reason.YES_NO, asking.yes_no),
    (Reason.ANSWER_LEAKED, answers.answer_leaked),
    (Reason.UNVERIFIABLE, answers.unverifiable),
)
"""The rules in the order they are tried; the first that is sure gives the reason."""


def screen(question: str, answer: str | None) -> Finding | None:
    """The first rule that is sure the row cannot be used, or None. `answer` is the source's, None if it has none."""
    return first(read(question, answer))


def first(post: Post) -> Finding | None:
    """The finding of the first rule that is sure."""
    for reason, rule in RULES:
        matched = rule(post)
        if matched is not None:
            return Finding(reason, " ".join(matched.split())[:_SHOWN])
    return None
