"""Settings that are right by themselves and do not go together are refused before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.recipe import Recipe
from tests.flows.test_recipe import fault, recipe

MODEL = {"endpoint": "here", "model": "m", "revision": "1"}


def solving(solve: dict[str, Any], verify: dict[str, Any], **roles: dict[str, str]) -> dict[str, Any]:
    stages = [{"stage": "solve", **solve}, {"stage": "verify", **verify}]
    return recipe(roles={"solver": MODEL, **roles}, stages=stages)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (solving({"sampling": "lazy"}, {"agreement": "majority"}), "verify.agreement: majority"),
        (
            solving(
                {"sampling": "lazy"}, {"requeue": [{"reason": "undecided", "settings": {"agreement": "majority"}}]}
            ),
            "verify.agreement: majority",
        ),
        (solving({"sampling": "lazy"}, {"judge": True}, answer_judge=MODEL), "verify.judge"),
        (solving({}, {"agreement": "cross_family"}), "solve.second_solutions"),
        (solving({}, {"judge": True}), "stages[1] (verify) needs role 'answer_judge'"),
        (solving({"second_solutions": 1}, {}), "stages[0] (solve) needs role 'second_solver'"),
        (
            solving({"second_solutions": 1}, {"agreement": "cross_family"}, second_solver=MODEL),
            "roles.second_solver.model",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, given: dict[str, Any], complaint: str) -> None:
    assert complaint in fault(tmp_path, given)


@pytest.mark.parametrize(
    "given",
    [
        solving({"sampling": "lazy"}, {}),
        solving({}, {"agreement": "majority", "judge": True}, answer_judge=MODEL),
        solving(
            {"sampling": "lazy", "second_solutions": 1},
            {"agreement": "cross_family"},
            second_solver=MODEL | {"model": "other"},
        ),
    ],
)
def test_what_goes_together_is_a_recipe(given: dict[str, Any]) -> None:
    found = Recipe.model_validate(given)
    assert {role for choice in found.stages for role in choice.roles()} == set(found.roles)
