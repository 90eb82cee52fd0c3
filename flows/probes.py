"""One real question for each role, as its stage would ask it: what the doctor asks before a run is paid for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flows.recipe import Recipe
from tasks.classify import topics
from tasks.decontaminate import asking
from tasks.models.prompt import Prompt
from tasks.rate import rating
from tasks.screen import screening
from tasks.solve import solving

TEXT = "Find the smallest positive integer $n$ such that $n^2 + n$ is divisible by $12$."
CHOICE = "What is the smallest positive integer $n$ such that $n^2 + n$ is divisible by $12$? (A) 2 (B) 3 (C) 4"

_OF_ROLE: Mapping[str, tuple[str, Callable[[Any], Prompt]]] = {
    "screener": ("screen", lambda settings: screening.prompt(TEXT, settings)),
    "converter": ("screen", lambda settings: screening.conversion_prompt(CHOICE, settings)),
    "judge": ("decontaminate", lambda settings: asking.question(TEXT, TEXT, settings)),
    "rater": ("rate", lambda settings: rating.question(TEXT, settings)),
    "solver": ("solve", lambda settings: solving.question(TEXT, settings)),
    "topic": ("classify", lambda settings: topics.question(TEXT, settings)),
}


def probe(recipe: Recipe, role: str) -> Prompt | None:
    """The question to a role with the recipe's settings; None for a role that no stage of the recipe asks."""
    stage, made = _OF_ROLE.get(role, ("", None))
    settings = next((choice.typed() for choice in recipe.stages if choice.stage == stage), None)
    return made(settings) if made and settings else None
