"""A question that can be guessed, turned into an open one by a model whose reply is checked. Pure.

The model only words the open question. Whether it is still the same problem is checked by rules, and so is which
answer it has: the text of the option that the source named, or none (of "yes" nobody can tell a number).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.structured import ask_structured
from tasks.models.template import fence, load, render
from tasks.screen.markup import plain
from tasks.screen.options import Choices, choices, right
from tasks.screen.reasons import Reason
from tasks.screen.rewrite import gained, lost
from tasks.screen.rules import screen

PROMPT = Path(__file__).with_name("convert.md")
CONVERTIBLE = frozenset({Reason.YES_NO, Reason.MULTIPLE_CHOICE})
"""What a row may be dropped for and converted instead."""

_ATTEMPTS = 2
_NEEDS_OPTIONS = re.compile(
    r"""\b(?:closest|nearest|best)\b | \bexcept\b
      | \b(?:which|one)\b[^.?]{0,80}\b(?:following|these|statements?|options?|choices?)\b[^.?]{0,80}
        \b(?:true|false|correct|incorrect|valid|could|can|may|might|must|cannot|not|always|never|equivalent
          |smallest|largest|greatest|least|holds?|describes?)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""A stem whose answer hangs on what else is listed."""
_POINTS_TO_OPTIONS = re.compile(
    r"\b(?:of\s+the\s+following|following\s+(?:is|are|options?|choices?|statements?|values?)|of\s+these|options?"
    r"|choices?|(?:yes|true)\s+or\s+(?:no|false))\b",
    re.IGNORECASE,
)


class Conversion(BaseModel):
    """The converter's reply; `question` is None where there is no faithful open form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str
    question: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The open question and the source's answer to it, None where it has none; or a question of None, and why."""

    question: str | None
    answer: str | None = None
    note: str
    keys: tuple[str, ...] = ()


def prompt(question: str, sampling: Sampling) -> Prompt:
    """The converter's prompt for one question."""
    return Prompt(
        messages=user(render(load(PROMPT), problem=fence("problem", question))),
        sampling=sampling,
        schema=Conversion,
    )


async def convert(post: str, answer: str | None, reason: Reason, ask: Ask, sampling: Sampling) -> Converted:
    """Have a post of a `CONVERTIBLE` reason converted; `answer` is its source's.

    Nothing is asked where the rules can tell that there is no faithful form. A reply that the rules do not accept is
    asked for once more. Raises `UnreadableReply` where it is twice no JSON of the schema, and `EndpointError`.
    """
    text = plain(post)
    found = choices(text) if reason is Reason.MULTIPLE_CHOICE else None
    stem, kept_answer = (found.stem, right(found, answer)) if found else (text, None)
    if (why := _hopeless(found, reason, kept_answer, answer)) is not None:
        return Converted(question=None, note=why)
    asked = prompt(text, sampling)
    keys: tuple[str, ...] = ()
    note = ""
    for sample in range(_ATTEMPTS):
        said, paid = await ask_structured(ask, asked, Conversion, sample=sample)
        keys += paid
        if said.question is None:
            return Converted(question=None, note=f"not converted: {said.reason}", keys=keys)
        faults = unfaithful(stem, said.question, kept_answer)
        if not faults:
            return Converted(question=said.question.strip(), answer=kept_answer, note=said.reason, keys=keys)
        note = f"conversion not faithful: {' '.join(faults)}"
    return Converted(question=None, note=note, keys=keys)


def _hopeless(found: Choices | None, reason: Reason, kept: str | None, answer: str | None) -> str | None:
    """Why no model need be asked; None where one may succeed."""
    if reason is not Reason.MULTIPLE_CHOICE:
        return None
    if found is None:
        return "not converted: its options cannot be told from its text"
    if _NEEDS_OPTIONS.search(found.stem):
        return "not converted: its answer hangs on what else is listed"
    return "not converted: its answer is no option of its own" if answer and kept is None else None


def unfaithful(stem: str, question: str, answer: str | None) -> tuple[str, ...]:
    """What keeps an open question from being the stem's; nothing where it is faithful as far as rules can see.

    >>> unfaithful("Is 2^{67} - 1 greater than 10^{20}?", "Find 2^{67} - 1.", None)
    ('-10', '-20')
    """
    if not question.strip():
        return ("-everything",)
    faults = [*(f"-{token}" for token in lost(stem, question)), *(f"+{token}" for token in gained(stem, question))]
    pointing = _POINTS_TO_OPTIONS.search(question)
    if pointing:
        faults.append(f"points to options: {pointing.group()!r}")
    if answer and _times(answer, question) > _times(answer, stem):
        faults.append("states the answer")
    finding = screen(question, None) or screen(question, answer)  # with an answer, rules are milder on the question
    if finding is not None:
        faults.append(f"still {finding.reason}: {finding.matched!r}")
    return tuple(faults)


def _times(answer: str, text: str) -> int:
    bare = "".join(answer.split()).strip("$")
    return "".join(text.split()).count(bare) if bare else 0
