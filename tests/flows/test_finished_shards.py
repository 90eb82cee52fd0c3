"""A run that goes on gives its workers what is not finished, and nothing else; the rest is still shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterName
from prefect.task_runners import ThreadPoolTaskRunner

from flows import plan as plans
from flows.curate import curate
from flows.plan import Plan
from flows.recipe import Recipe
from tasks.models.rehearsal.champ import problems
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("prefect")]
STAGES = ("screen", "rate", "classify")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    source = tmp_path / "champ.jsonl"
    source.write_text("".join(json.dumps({"question": one.text}) + "\n" for one in problems()[:12]), encoding="utf-8")
    return Recipe.model_validate({
        "name": "finished",
        "sources": [{"name": "champ", "path": str(source)}],
        "endpoints": {"here": {"kind": "rehearsal"}},
        "roles": {
            role: {"endpoint": "here", "model": f"rehearsal/{role}", "revision": "1"}
            for role in ("screener", "rater", "topic")
        },
        "stages": [{"stage": "screen"}, {"stage": "rate", "gate": 1}, {"stage": "classify"}],
        "shards": 3,
        "trial": None,
    })  # fmt: skip


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(Stage, shard) of each task run that workers were given, in order."""
    seen: list[tuple[str, str]] = []
    submit: Callable[..., Any] = ThreadPoolTaskRunner.submit

    def noted(self: ThreadPoolTaskRunner, task: Any, parameters: dict[str, Any], *others: Any) -> Any:
        seen.append((parameters["planned"].stage, parameters["shard"].name))
        return submit(self, task, parameters, *others)

    monkeypatch.setattr(ThreadPoolTaskRunner, "submit", noted)
    return seen


def curated(recipe: Recipe, root: str, name: str) -> Plan:
    on_threads = curate.with_options(task_runner=ThreadPoolTaskRunner(max_workers=2), flow_run_name=name)
    return on_threads(recipe, root)


def shown(name: str) -> dict[str, str]:
    """The state of each task run of a flow run, by the task run's name."""
    of_it = FlowRunFilter(name=FlowRunFilterName(any_=[name]))
    with get_client(sync_client=True) as client:
        [flow_run] = client.read_flow_runs(flow_run_filter=of_it)
        only = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
        return {one.name: one.state_name or "" for one in client.read_task_runs(flow_run_filter=only)}


def test_workers_get_what_is_not_finished_and_the_rest_is_shown_as_reused(
    tmp_path: Path, recipe: Recipe, submitted: list[tuple[str, str]]
) -> None:
    root = str(tmp_path / "root")
    plan = curated(recipe, root, "first")
    shards = [shard.name for shard in plan.shards]
    assert sorted(submitted) == sorted((stage, shard) for stage in STAGES for shard in shards)

    storage = Storage(root)
    before: list[list[Manifest]] = plans.chains(storage, plan)
    storage.delete(manifests.name_of(before[2][2]))  # rate of the last shard; its classify hangs on it by a digest
    storage.delete(manifests.name_of(before[2][3]))
    submitted.clear()
    assert curated(recipe, root, "second").run == plan.run
    assert submitted == [("rate", shards[2]), ("classify", shards[2])]
    assert plans.chains(storage, plan) == before

    submitted.clear()
    curated(recipe, root, "third")
    assert submitted == []
    seen = shown("third")
    assert {f"{stage} {shard}": "Reused" for stage in STAGES for shard in shards}.items() <= seen.items()


def test_the_shard_with_most_to_do_is_begun_first(
    tmp_path: Path, recipe: Recipe, submitted: list[tuple[str, str]]
) -> None:
    root = str(tmp_path / "root")
    plan = curated(recipe, root, "whole")
    storage = Storage(root)
    chains = plans.chains(storage, plan)
    for place, stages_left in ((1, 1), (2, 3)):
        for manifest in chains[place][-stages_left:]:
            storage.delete(manifests.name_of(manifest))
    submitted.clear()
    curated(recipe, root, "again")
    one, other = (plan.shards[place].name for place in (1, 2))
    assert submitted == [*((stage, other) for stage in STAGES), ("classify", one)]
