"""Whatever a problem says, it stays inside its fence, and all prompts of a kind share what comes before it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tasks.classify import topics
from tasks.decontaminate import asking
from tasks.decontaminate.settings import Settings as JudgingSettings
from tasks.models.prompt import Prompt
from tasks.rate import rating
from tasks.screen import screening
from tasks.solve import solving

HOSTILE: list[str] = yaml.safe_load((Path(__file__).parents[1] / "data" / "hostile.yaml").read_text("utf-8"))

JUDGING = JudgingSettings.model_validate({"benchmarks": [{"name": "b", "path": "b.jsonl"}]})

PROMPTS: dict[str, Callable[[str], Prompt]] = {
    "screen": lambda text: screening.prompt(text, screening.Settings()),
    "convert": lambda text: screening.conversion_prompt(text, screening.Settings()),
    "rate": lambda text: rating.question(text, rating.Settings()),
    "solve": lambda text: solving.question(text, solving.Settings()),
    "classify": lambda text: topics.question(text, topics.Settings()),
    "classify, extended": lambda text: topics.question(text, topics.Settings(), extended=True),
    "judge, first": lambda text: asking.question(text, "Find y.", JUDGING),
    "judge, second": lambda text: asking.question("Find y.", text, JUDGING),
    "judge, one of several": lambda text: asking.question_together("Find y.", ["Find z.", text], JUDGING),
}


def markers(text: str) -> list[str]:
    """Fence markers in a prompt, of any fence, as a lenient reader would see them."""
    return re.findall(r"<\s*/?\s*problem(?:_[1-3])?\s*>", text, re.IGNORECASE)


@pytest.mark.parametrize("name", PROMPTS)
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_problem_stays_in_its_fence(name: str, text: str) -> None:
    tame, hostile = (PROMPTS[name](one).messages for one in ("Find x.", text))
    assert [message.role for message in hostile] == ["user"]
    said, calm = hostile[0].content, tame[0].content
    own = set(markers(calm))
    assert [mark for mark in markers(said) if mark in own] == markers(calm)
    before = calm[: calm.rindex("Find x.")] if name != "judge, first" else calm[: calm.index("Find x.")]
    after = calm[len(before) + len("Find x.") :]
    assert said.startswith(before)
    assert said.endswith(after)


@pytest.mark.parametrize("name", PROMPTS)
def test_what_all_problems_share_comes_first(name: str) -> None:
    one, other = (PROMPTS[name](text).messages[0].content for text in ("Find x.", "Compute 1."))
    shared = next(i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    assert shared > 0.75 * len(one)
