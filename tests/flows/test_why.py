"""Why a stage was done again: whatever enters a fingerprint is named when it differs, and nothing else is."""

import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from flows import plan as plans
from flows.plan import Plan
from flows.recipe import load
from flows.why import Because, differences, why
from tasks.models.request import Model
from tasks.rows.manifest import Manifest
from tasks.rows.shards import plan as plan_shards
from tasks.rows.storage import Storage
from tasks.stage import PlannedStage, Stage, plan


class Settings(BaseModel):
    gate: float = 5.0
    path: str = "here"


def identity(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(exclude={"path"})


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    path = tmp_path / "prompt.md"
    path.write_text("How hard is it?")
    return path


def planned(
    prompt: Path,
    name: str = "rate",
    version: int = 1,
    model: str = "m",
    upstream: str = "u",
    data: str = "d",
    **settings: Any,
) -> PlannedStage:
    stage = Stage(
        name=name,
        version=version,
        settings=Settings,
        columns={},
        identity=identity,
        roles=("rater",),
        files=(prompt,),
    )
    return plan(stage, Settings(**settings), {"rater": Model(name=model, revision="1")}, upstream, benchmarks=data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gate": 6.0}, "settings.gate: 5.0 -> 6.0"),
        ({"version": 2}, "version: 1 -> 2"),
        ({"model": "n"}, "model of rater: m@1 -> n@1"),
        ({"data": "other"}, "input benchmarks changed"),
        ({"upstream": "v"}, "upstream: a stage before it differs"),
    ],
)
def test_the_part_that_differs_is_named(prompt: Path, change: dict[str, Any], said: str) -> None:
    old, new = planned(prompt), planned(prompt, **change)
    assert old.fingerprint != new.fingerprint
    assert differences(old, new) == [said]


def test_a_changed_prompt_is_named_by_its_file(prompt: Path) -> None:
    old = planned(prompt)
    prompt.write_text("How hard is it, from 1 to 10?")
    assert differences(old, planned(prompt)) == ["file prompt.md changed"]


def test_what_does_not_bear_on_an_answer_is_no_difference(prompt: Path) -> None:
    old, new = planned(prompt), planned(prompt, path="there")
    assert old.fingerprint == new.fingerprint
    assert differences(old, new) == []


def test_a_plan_without_parts_gives_no_false_reason(prompt: Path) -> None:
    old = planned(prompt).model_copy(update={"parts": {}})
    assert differences(old, planned(prompt, gate=6.0))[0].startswith("unknown")


def run(name: str, stages: list[PlannedStage], shards: int = 2, intakes: str = "a") -> Plan:
    counts: dict[str, Any] = {"rows_in": 0, "kept": 0, "dropped": {}, "quarantined": {}, "files": {}}
    made = [Manifest(stage="collect", fingerprint="f", shard=one, upstream="u", **counts) for one in intakes]
    parts = [shard for intake in made for shard in plan_shards(intake.digest, shards)]
    publish = PlannedStage(stage="publish", fingerprint=stages[-1].fingerprint, parts={"upstream": "x"}, settings={})
    return Plan(run=name, recipe="r", models={}, intakes=made, shards=parts, stages=stages, publish=publish)


def test_a_stage_is_compared_with_the_latest_run_over_its_rows(prompt: Path) -> None:
    one, two, three = (run(str(gate), [planned(prompt, gate=gate)]) for gate in (1.0, 2.0, 3.0))
    others = run("others", [planned(prompt, gate=9.0)], intakes="b")
    assert why(three, [one, two, others])[0] == Because(
        stage="rate", earlier="2.0", differs=["settings.gate: 2.0 -> 3.0"]
    )


def test_what_any_earlier_run_had_finished_was_not_done_again(prompt: Path) -> None:
    first, second, back = (run(str(i), [planned(prompt, gate=gate)]) for i, gate in enumerate((1.0, 2.0, 1.0)))
    assert why(back, [first, second]) == []
    assert why(first, []) == []


def test_new_rows_alone_are_no_reason(prompt: Path) -> None:
    stages = [planned(prompt)]
    assert why(run("grown", stages, intakes="ab"), [run("first", stages, intakes="a")]) == []
    assert why(run("other", [planned(prompt, gate=1.0)], intakes="b"), [run("first", stages, intakes="a")]) == []


def test_another_number_of_shards_is_a_reason(prompt: Path) -> None:
    stages = [planned(prompt)]
    found = why(run("seven", stages, shards=7), [run("two", stages, shards=2)])
    assert found[0].differs == ["shards: 2 -> 7 (its replies were found, not bought)"]


def test_a_stage_that_runs_twice_is_compared_with_its_own_turn(prompt: Path) -> None:
    old = run("old", [planned(prompt), planned(prompt, upstream="1", gate=6.0)])
    new = run("new", [planned(prompt), planned(prompt, upstream="1", gate=7.0)])
    assert why(new, [old])[0] == Because(stage="rate (2)", earlier="old", differs=["settings.gate: 6.0 -> 7.0"])


def test_a_run_that_goes_on_later_is_not_compared_with_those_that_came_after_it(prompt: Path, tmp_path: Path) -> None:
    storage, one, two = Storage(str(tmp_path)), run("one", [planned(prompt)]), run("two", [planned(prompt, gate=1.0)])
    for each in (one, two, one):
        plans.save(storage, each)
        plans.note_start(storage, each, load("demo"))
        time.sleep(0.005)
    assert plans.latest(storage) == one
    assert plans.started_before(storage, "one") == []
    assert plans.started_before(storage, "two") == [one]
    assert plans.recipe_of(storage, "one") == load("demo")
