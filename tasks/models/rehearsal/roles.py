"""From a request to what the asked model says. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

from tasks.models.rehearsal.bill import BYTES_PER_TOKEN, tokens
from tasks.models.rehearsal.converter import convert
from tasks.models.rehearsal.judge import judge, judge_all
from tasks.models.rehearsal.rater import rate
from tasks.models.rehearsal.screener import screen
from tasks.models.rehearsal.solver import solve
from tasks.models.rehearsal.topic import classify
from tasks.models.rehearsal.wire import Request, fenced

REFUSAL = "I can't help with requests about weapons or explosives. (rehearsal rule: moderation)"
NOTHING_ASKED = "This is a rehearsal model. I found no problem between <problem> and </problem>, so I have no answer."
_DANGEROUS = re.compile(r"\b(?:bombs?|explosives?|grenades?|detonat\w+|landmines?|nerve agents?|weapons?)\b", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """What a model says. `reasoning` is None for models that show none, `refusal` for those that do not refuse."""

    content: str
    reasoning: str | None = None
    refusal: str | None = None
    finish_reason: str = "stop"


class WrongSchema(ValueError):
    """The asked-for schema is not the one that the role answers in."""


ANSWERS: dict[str, tuple[tuple[str, ...], Callable[[list[str], int], dict[str, Any]]]] = {
    "rehearsal/screener": (("problem",), lambda texts, _: screen(texts[0])),
    "rehearsal/converter": (("problem",), lambda texts, _: convert(texts[0])),
    "rehearsal/judge": (("problem_1", "problem_2"), lambda texts, _: judge(texts[0], texts[1])),
    "rehearsal/rater": (("problem",), lambda texts, sample: rate(texts[0], sample)),
    "rehearsal/topic": (("problem",), lambda texts, _: classify(texts[0])),
}
SOLVER = "rehearsal/solver"
JUDGE = "rehearsal/judge"
MODELS = (SOLVER, *ANSWERS)


def answer(request: Request) -> Utterance:
    """What `request.model` (one of `MODELS`) says, cut at the token limit.

    Raises `WrongSchema` when the schema asked for has other fields than the role's answers.
    """
    tags, role = ANSWERS.get(request.model, (("problem",), None))
    found = [fenced(request, tag) for tag in tags]
    texts = [text for text in found if text is not None]
    if len(texts) < len(tags):
        return _cut(Utterance(content=NOTHING_ASKED), request.limit)
    if any(_DANGEROUS.search(text) for text in texts):
        return _cut(Utterance(content=REFUSAL), request.limit)
    if role is None:
        solution = solve(texts[0], request.seed)
        said = Utterance(content=solution.content, reasoning=solution.reasoning, finish_reason=solution.finish_reason)
    elif request.model == JUDGE and request.wanted_fields == {"verdicts"}:
        said = _judgement(judge_all(_numbered(request)), request)
    else:
        said = _judgement(role(texts, request.seed), request)
    return _cut(said, request.limit)


def _numbered(request: Request) -> list[str]:
    """The texts problem_1, problem_2, ... as far as there are any."""
    texts = (fenced(request, f"problem_{number}") for number in count(1))
    return [text for text in takewhile(lambda text: text is not None, texts) if text is not None]


def _judgement(found: dict[str, Any], request: Request) -> Utterance:
    wanted = request.wanted_fields
    if wanted is None:
        return Utterance(content=str(found["reason"]))
    if wanted != set(found):
        raise WrongSchema(
            f"{request.model} answers with the fields {sorted(found)}, but the schema names {sorted(wanted)}:"
            " ask another model, or make the schema the role's"
        )
    return Utterance(content=json.dumps(found))


def _cut(said: Utterance, limit: int | None) -> Utterance:
    """Cut to `limit` tokens, the reasoning counted first, as servers do."""
    reasoning = said.reasoning or ""
    if limit is None or tokens(reasoning, said.content) <= limit:
        return said
    kept = _first(reasoning, limit * BYTES_PER_TOKEN)
    left = limit * BYTES_PER_TOKEN - len(kept.encode("utf-8", "surrogatepass"))
    content = _first(said.content, left) if kept == reasoning else ""
    return Utterance(content=content, reasoning=None if said.reasoning is None else kept, finish_reason="length")


def _first(text: str, size: int) -> str:
    """The longest start of `text` in at most `size` bytes."""
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")
