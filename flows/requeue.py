"""Quarantined rows, asked again: an act of a person that becomes a recorded input of a new run.

A requeue is written into the recipe, at its stage, and so enters the stage's fingerprint. The stage and those
after it are decided again for every row, but only the requeued rows ask for anything that is not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from flows import plan as plans
from flows.plan import Plan
from flows.recipe import Recipe, faults
from tasks.errors import RecipeError
from tasks.rows.storage import Storage


def requeued(storage: Storage, plan: Plan, stage: str, reason: str, settings: dict[str, Any]) -> Recipe:
    """The recipe that a run was last started by, with its rows that `stage` quarantined for `reason` asked again.

    Raises `RecipeError` if the run quarantined none for it, or the stage has no such settings.
    """
    waiting = quarantined(storage, plan)
    if not waiting.get((stage, reason)):
        there = ", ".join(f"{n} {why} at {where}" for (where, why), n in sorted(waiting.items())) or "none at all"
        raise RecipeError(f"{plan.run} has no rows that {stage} quarantined as {reason!r}; it has: {there}")
    given = plans.recipe_of(storage, plan.run).model_dump(mode="json")
    for choice in given["stages"]:
        if choice["stage"] == stage:
            choice["requeue"] = [*choice["requeue"], {"reason": reason, "settings": settings}]
    try:
        return Recipe.model_validate(given)
    except ValidationError as fault:
        raise RecipeError("\n".join(faults(fault))) from fault


def quarantined(storage: Storage, plan: Plan) -> dict[tuple[str, str], int]:
    """Rows of a run that its stages have quarantined so far, by stage and reason."""
    counts: dict[tuple[str, str], int] = {}
    for chain in plans.chains(storage, plan):
        for manifest in chain[1:]:
            for reason, n in manifest.quarantined.items():
                counts[manifest.stage, reason] = counts.get((manifest.stage, reason), 0) + n
    return counts


def parsed(settings: Sequence[str]) -> dict[str, Any]:
    """Settings given as `name=value`, values as in YAML. Raises `RecipeError`."""
    found = {}
    for one in settings:
        name, equals, value = one.partition("=")
        if not equals:
            raise RecipeError(f"{one!r} is no setting; write name=value, such as max_tokens=32768")
        try:
            found[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as fault:
            raise RecipeError(f"{one!r}: {value!r} is no value in YAML") from fault
    return found
