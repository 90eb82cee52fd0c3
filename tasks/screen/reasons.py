"""Why the screen stage takes a row out."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Every reason of a drop (rules or model) and of a quarantine (the last two)."""

    LENGTH = "length"
    """Shorter than any problem, or longer than any text that is one problem."""

    BOILERPLATE = "boilerplate"
    """A phrase of a form, a site or a work sheet in the place of a problem."""

    NOT_A_QUESTION = "not_a_question"
    """Nothing is asked: an announcement, a remark, a thank-you note."""

    PROOF = "proof"
    """The task is to prove a statement; there is no answer to compare."""

    YES_NO = "yes_no"
    """The answer is one of two words, so guessing is right half of the time."""

    MULTIPLE_CHOICE = "multiple_choice"
    """The answer is one of the listed options, so guessing is right too often."""

    MULTI_PART = "multi_part"
    """Several things are asked, so there is not one answer."""

    MISSING_IMAGE = "missing_image"
    """The text leans on a picture that did not come with it."""

    ANSWER_LEAKED = "answer_leaked"
    """The question states its own answer."""

    NOT_SELF_CONTAINED = "not_self_contained"
    """Something that the question leans on (an earlier exercise, a definition, a link) is not in it."""

    UNVERIFIABLE = "unverifiable"
    """No single answer that a program could compare: an explanation, an opinion, "it depends"."""

    NOT_ENGLISH = "not_english"
    """Written in another language, for which neither rules nor prompts were measured."""

    BROKEN_MARKUP = "broken_markup"
    """Formulas that cannot be read: braces or environments that do not close, characters lost in conversion."""

    INVALID = "invalid"
    """The conditions contradict each other, or leave open what is asked for: no answer could be right."""

    UNREADABLE_REPLY = "unreadable_reply"
    """Quarantine: the model's reply was twice not what was asked for (broken JSON, a refusal, a cut)."""

    REWRITE_CHANGED = "rewrite_changed"
    """Quarantine: the model's clean version twice had other numbers, letters or conditions than the post."""
