"""Recipes are checked whole, and each fault is named with its path and what would be right."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from flows.curate import locate
from flows.recipe import Recipe, load
from flows.requeue import parsed
from tasks.errors import RecipeError, UnknownPrice


def recipe(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "name": "small",
        "sources": [{"name": "own", "path": "own.jsonl"}],
        "endpoints": {"here": {"kind": "openai", "address": "http://127.0.0.1:1/v1"}},
        "roles": {"rater": {"endpoint": "here", "model": "m", "revision": "1"}},
        "stages": [{"stage": "rate", "gate": 4.0}],
    }
    return whole | changes


def fault(tmp_path: Path, given: object) -> str:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load(str(path))
    return str(caught.value)


def test_every_recipe_that_ships_is_valid() -> None:
    shipped = [path for path in Path("deployments").glob("*.yaml") if path.name != "prefect.yaml"]
    assert shipped
    for path in shipped:
        assert load(path.stem) == load(str(path))


def test_a_right_recipe_keeps_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe()), encoding="utf-8")
    found = load(str(path))
    assert found.stages[0].typed().model_dump()["gate"] == 4.0
    assert found.models()["rater"].identity == "m@1"


@pytest.mark.parametrize(
    ("changes", "path", "hint"),
    [
        ({"shard": 3}, "shard", "'shards'"),
        ({"sources": [{"name": "own", "pth": "x"}]}, "sources.0.pth", "'path'"),
        (
            {"sources": [{"name": "o", "path": "x", "columns": {"anwser": "a"}}]},
            "sources.0.columns.anwser",
            "'answer'",
        ),
        ({"endpoints": {"here": {"kind": "rehearsel"}}}, "endpoints.here.kind", "'rehearsal'"),
        ({"stages": [{"stage": "raet"}]}, "stages.0", "'rate'"),
        ({"stages": [{"stage": "rate", "sample": 6}]}, "sample", "'samples'"),
        ({"stages": [{"stage": "rate", "gate": 40}]}, "gate", "less than or equal to 10"),
        ({"stages": [{"stage": "screen"}]}, "stages[0] (screen)", "'screener'"),
        ({"roles": {"rater": {"endpoint": "her", "model": "m", "revision": "1"}}}, "roles.rater.endpoint", "'here'"),
        ({"shards": 0}, "shards", "greater than or equal to 1"),
        ({"endpoints": {"here": {"kind": "openai"}}}, "endpoints.here", "needs an address"),
    ],
)
def test_a_fault_is_named_with_its_path_and_a_way_out(
    tmp_path: Path, changes: dict[str, Any], path: str, hint: str
) -> None:
    message = fault(tmp_path, recipe(**changes))
    assert path in message
    assert hint in message


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    message = fault(tmp_path, recipe(shards=0, sources=[], nam="x"))
    assert all(path in message for path in ("shards:", "sources:", "nam:"))


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = [{"name": "own", "path": "a"}, {"name": "own", "path": "b"}]
    assert "not all different" in fault(tmp_path, recipe(sources=twice))


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "just words"])
def test_what_is_no_recipe_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError):
        load(str(path))


def test_a_model_without_a_price_stops_the_run_before_anything_is_asked(tmp_path: Path) -> None:
    price = {"input": "1", "cached_input": "1", "output": "1", "as_of": "2026-01-01", "source": "test"}
    with ExitStack() as services:
        with pytest.raises(UnknownPrice, match="'m' has no line"):
            locate(Recipe.model_validate(recipe()), str(tmp_path), services)
        where = locate(Recipe.model_validate(recipe(prices={"m": price})), str(tmp_path), services)
    assert where.endpoints["here"].address == "http://127.0.0.1:1/v1"


def test_a_missing_recipe_names_those_that_exist() -> None:
    with pytest.raises(RecipeError, match="demo"):
        load("dmeo")


def test_a_requeue_stands_beside_its_stages_settings() -> None:
    given = load("demo").model_dump(mode="json")
    solve = next(choice for choice in given["stages"] if choice["stage"] == "solve")
    flat = {
        "stage": "solve",
        **solve["settings"],
        "requeue": [{"reason": "truncated", "settings": {"max_tokens": 9}}],
    }
    given["stages"] = [flat if choice is solve else choice for choice in given["stages"]]
    choice = next(one for one in Recipe.model_validate(given).stages if one.stage == "solve")
    assert choice.requeue[0].settings == {"max_tokens": 9}
    assert "requeue" not in choice.settings


@pytest.mark.parametrize(
    ("stage", "requeue", "complaint"),
    [
        ("solve", {"reason": "truncated", "settings": {"max_token": 9}}, "max_token"),
        ("verify", {"reason": "undecided"}, "asks no model"),
    ],
)
def test_a_wrong_requeue_is_refused(stage: str, requeue: dict[str, object], complaint: str) -> None:
    given = load("demo").model_dump(mode="json")
    next(choice for choice in given["stages"] if choice["stage"] == stage)["requeue"] = [requeue]
    with pytest.raises(ValidationError, match=complaint):
        Recipe.model_validate(given)


def test_settings_of_the_command_line_are_values_of_yaml() -> None:
    assert parsed(["max_tokens=32768", "temperature=0.6"]) == {"max_tokens": 32768, "temperature": 0.6}
    with pytest.raises(RecipeError, match="name=value"):
        parsed(["max_tokens"])


def test_sources_whose_licences_forbid_each_other_are_told_before_anything_is_paid(tmp_path: Path) -> None:
    sources = [
        {"name": "forum", "path": "a.jsonl", "licence": "CC-BY-SA-4.0"},
        {"name": "book", "path": "b.jsonl", "licence": "CC-BY-NC-4.0"},
    ]
    assert "cc-by-nc-4.0 and cc-by-sa-4.0 forbid each other" in fault(tmp_path, recipe(sources=sources))
