"""The recipes that ship say what they promise: the paper's published choices, and no model that is being retired."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.recipe import Recipe, load
from tasks.decontaminate.registry import registry
from tasks.models.prices import table
from tasks.models.retirement import table as retirements

REAL = ("paper", "recommended", "smoke")


def settings(recipe: Recipe, stage: str) -> dict[str, Any]:
    return next(one.typed().model_dump() for one in recipe.stages if one.stage == stage)


def order(recipe: Recipe) -> list[str]:
    return [one.stage for one in recipe.stages]


def test_the_papers_published_choices() -> None:
    paper = load("paper")
    assert order(paper) == ["decontaminate", "rate", "screen", "decontaminate", "solve", "verify", "classify"]
    assert [source.preset for source in paper.sources] == ["mmiqc", "webinstructsub", "numina-math-cot"]
    contamination, rating = settings(paper, "decontaminate"), settings(paper, "rate")
    published = {name for name, known in registry().items() if known.set == "paper"}
    assert len(published) == 17
    assert {one["name"] for one in contamination["benchmarks"]} == published
    assert (contamination["k"], contamination["orders"], contamination["similarity_floor"]) == (5, "both", None)
    assert contamination["embedder"]["name"].endswith("paraphrase-multilingual-MiniLM-L12-v2")
    assert (rating["samples"], rating["gate"], rating["stopping"]) == (6, 5.0, "off")
    assert (settings(paper, "solve")["solutions"], settings(paper, "solve")["sampling"]) == (3, "all")
    assert settings(paper, "verify")["agreement"] == "unanimity"
    assert paper.roles["rater"].model.startswith("gpt-4o")


def test_every_setting_of_the_papers_stages_is_marked_as_published_or_as_ours() -> None:
    stages = Path("deployments/paper.yaml").read_text(encoding="utf-8").split("stages:\n")[1].split("shards:")[0]
    lines = [line for line in stages.splitlines() if re.match(r" {4}\w+:", line)]
    inherited = ("stage:", "top_p:", "embedder:")
    unmarked = [line for line in lines if not re.search(r"\((paper|ours|v1)\)", line)]
    assert len(lines) > 15
    assert [line for line in unmarked if not line.strip().startswith(inherited)] == []


def test_the_recommended_recipe_saves_by_named_switches_and_promises_no_less() -> None:
    paper, ours = load("paper"), load("recommended")
    assert order(ours) == ["screen", "decontaminate", "rate", "solve", "verify", "classify"]
    assert {one["name"] for one in settings(paper, "decontaminate")["benchmarks"]} < {
        one["name"] for one in settings(ours, "decontaminate")["benchmarks"]
    }
    for stage, name in (("rate", "gate"), ("rate", "samples"), ("solve", "solutions"), ("verify", "agreement")):
        assert settings(ours, stage)[name] == settings(paper, stage)[name]
    assert settings(ours, "screen")["convert"]
    assert settings(ours, "rate")["stopping"] == "statistical"
    assert settings(ours, "solve")["sampling"] == "lazy"
    assert settings(ours, "decontaminate")["orders"] == "second_if_needed"
    assert ours.endpoints["openai"].lane == "batch"


@pytest.mark.parametrize("name", ["recommended", "smoke"])
def test_no_role_is_bound_to_a_model_that_is_being_retired(name: str) -> None:
    soon = date(2026, 11, 22) + timedelta(days=365)
    ending = {model for model, known in retirements().items() if known.ends < soon}
    assert "gpt-4o-2024-08-06" in ending
    assert not {role.model.rsplit("/", 1)[-1] for role in load(name).roles.values()} & ending


@pytest.mark.parametrize("name", REAL)
def test_every_model_has_a_price_in_its_lane(name: str) -> None:
    recipe = load(name)
    known = table().with_models(recipe.token_prices())
    for role in recipe.roles.values():
        price = known.price(role.model)
        if recipe.endpoints[role.endpoint].lane == "batch":
            assert price.in_batch().output < price.output


def test_smoke_is_a_hundred_rows_and_needs_no_cards() -> None:
    smoke = load("smoke")
    assert sum(source.limit or 0 for source in smoke.sources) == 100
    assert not smoke.engines()
    assert smoke.budget.usd


def test_every_real_recipe_has_a_deployment() -> None:
    given = yaml.safe_load(Path("deployments/prefect.yaml").read_text(encoding="utf-8"))
    named = {one["name"]: one["parameters"].get("recipe") for one in given["deployments"]}
    assert {f"curate-{name}": name for name in REAL}.items() <= named.items()
