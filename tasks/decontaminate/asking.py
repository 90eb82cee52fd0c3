"""What the judge is asked, and how its answers are read: about one ordered pair, or about all neighbours at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.decontaminate.settings import Settings
from tasks.errors import UnreadableReply
from tasks.models import template
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.structured import ask_structured

PROMPTS = {
    "same_problem": Path(__file__).with_name("judge.md"),
    "same_template": Path(__file__).with_name("judge_template.md"),
}
TOGETHER = Path(__file__).with_name("judge_together.md")

Verdict = Literal["same", "different", "unsure"]


class Judgement(BaseModel):
    """The judge's answer on one ordered pair."""

    model_config = ConfigDict(extra="forbid")

    reason: str
    verdict: Verdict


class Numbered(Judgement):
    """The judge's answer on one of several problems; the first of them has the number 2."""

    number: int


class Judgements(BaseModel):
    """The judge's answer on all neighbours of a row."""

    model_config = ConfigDict(extra="forbid")

    verdicts: list[Numbered]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What came of one ordered pair: the verdict ("unreadable" where there is none) and its last reply's key."""

    verdict: Literal["same", "different", "unsure", "unreadable"]
    key: str


def question(first: str, second: str, settings: Settings) -> Prompt:
    """The question to the judge about one ordered pair."""
    text = template.render(
        template.load(PROMPTS[settings.policy]),
        problem_1=template.fence("problem_1", first),
        problem_2=template.fence("problem_2", second),
    )
    return Prompt(messages=user(text), sampling=Sampling(max_tokens=settings.max_tokens), schema=Judgement)


async def of_pair(first: str, second: str, ask: Ask, settings: Settings) -> Opinion:
    """One ordered pair; an unsure judge is asked once more, as sample 1."""
    prompt = question(first, second, settings)
    try:
        judgement, keys = await ask_structured(ask, prompt, Judgement)
        if judgement.verdict == "unsure":
            judgement, keys = await ask_structured(ask, prompt, Judgement, sample=1)
    except UnreadableReply as fault:
        return Opinion("unreadable", fault.keys[-1])
    return Opinion(judgement.verdict, keys[-1])


def question_together(first: str, others: Sequence[str], settings: Settings) -> Prompt:
    """The question to the judge about a text and several others, with room for as many judgements."""
    problems = [template.fence(f"problem_{number}", text) for number, text in enumerate((first, *others), start=1)]
    numbers = ", ".join(str(number) for number in range(2, len(problems) + 1))
    text = template.render(template.load(TOGETHER), numbers=numbers, problems="\n\n".join(problems))
    limit = settings.max_tokens * len(others)
    return Prompt(messages=user(text), sampling=Sampling(max_tokens=limit), schema=Judgements)


async def of_all(first: str, others: Sequence[str], ask: Ask, settings: Settings) -> list[Opinion]:
    """One call about all pairs. A pair that it leaves out, names twice or is unsure about is asked about by itself,
    as is every pair if the answer cannot be read."""
    told: dict[int, Opinion] = {}
    try:
        found, keys = await ask_structured(ask, question_together(first, others, settings), Judgements)
    except UnreadableReply:
        found, keys = Judgements(verdicts=[]), ()
    times = Counter(one.number for one in found.verdicts)
    for one in found.verdicts:
        if times[one.number] == 1 and one.verdict != "unsure":
            told[one.number] = Opinion(one.verdict, keys[-1])
    return [
        told.get(number) or await of_pair(first, other, ask, settings) for number, other in enumerate(others, start=2)
    ]
