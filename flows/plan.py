"""What a run is, frozen before it starts: intakes, shards, stages and their fingerprints.

The run's name is a digest of the plan, so the same recipe over the same rows is the same run: it goes on where
it stopped. The plan lies under the root as `runs/<run>/plan.json`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Sequence
from itertools import takewhile
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from flows.recipe import Recipe
from flows.stages import PER_SHARD, PUBLISH
from tasks.collect.task import fingerprint as pool_fingerprint
from tasks.errors import AlreadyExists, StorageError
from tasks.models.request import Model
from tasks.rows import manifest as manifests
from tasks.rows.fingerprint import digest
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard, plan_all
from tasks.rows.storage import Storage
from tasks.stage import PlannedStage
from tasks.stage import plan as plan_stage


class Plan(BaseModel):
    """A run before it starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(description="<recipe>-<digest>")
    recipe: str
    models: dict[str, Model] = Field(description="Every role and the model that fills it")
    sources: list[dict[str, Any]] = Field(
        default_factory=list, description="What the sources are, and not where they lie"
    )
    intakes: list[Manifest]
    shards: list[Shard]
    stages: list[PlannedStage]
    publish: PlannedStage

    def intake_of(self, shard: Shard) -> Manifest:
        """The manifest that a shard's rows were collected in."""
        return next(intake for intake in self.intakes if intake.digest == shard.intake)


def make(recipe: Recipe, intakes: Sequence[Manifest]) -> Plan:
    """Freeze a recipe over its intakes. Reads what stages need beside rows (benchmarks), spends nothing."""
    models = recipe.models()
    upstream = pool_fingerprint(recipe.sources, recipe.collect)
    stages: list[PlannedStage] = []
    for choice in recipe.stages:
        entry, settings = PER_SHARD[choice.stage], choice.typed()
        stages.append(plan_stage(entry.stage, settings, models, upstream, choice.requeue, **entry.inputs(settings)))
        upstream = stages[-1].fingerprint
    publish = plan_stage(PUBLISH.stage, recipe.publish, models, upstream)
    shards = plan_all([(intake.digest, intake.kept) for intake in intakes], recipe.shards)
    identity = digest([publish.fingerprint, [shard.name for shard in shards]])
    return Plan(
        run=f"{recipe.name}-{identity[:10]}",
        recipe=recipe.name,
        models=models,
        sources=[source.identity() for source in recipe.sources],
        intakes=list(intakes),
        shards=shards,
        stages=stages,
        publish=publish,
    )


def save(storage: Storage, plan: Plan) -> None:
    """Write the plan. One of that name which is there already is the same run: what bears on an answer is in the
    name, and what does not (where a source or benchmark lies) may differ.
    """
    with contextlib.suppress(AlreadyExists):
        storage.create(f"runs/{plan.run}/plan.json", plan.model_dump_json(indent=1).encode("utf-8"))


def note_start(storage: Storage, plan: Plan, recipe: Recipe) -> None:
    """Note that somebody works on the run from now on, and by which recipe; such notes are the run's history."""
    kept = f"runs/{plan.run}/recipe-{digest(recipe.model_dump(mode='json'))[:12]}.json"
    storage.put(kept, recipe.model_dump_json(indent=1).encode("utf-8"))
    note = {"host": socket.gethostname(), "process": os.getpid(), "recipe": kept}
    name = f"{plan.run}/start-{time.time_ns() // 1_000_000:013d}-{uuid4().hex[:8]}.json"
    storage.create(f"runs/{name}", json.dumps(note).encode("utf-8"))


def started_since(storage: Storage, at_ms: int) -> str | None:
    """The run that was started last, if that was at `at_ms` (Unix milliseconds) or later."""
    at, run, _ = max(_starts(storage), default=(0, "", ""))
    return run if at >= at_ms else None


def by_start(storage: Storage) -> list[Plan]:
    """Every run that was ever started under a root, by its last start: the latest run comes last."""
    plans = {plan.run: plan for plan in load_all(storage)}
    last = {run: at for at, run, _ in sorted(_starts(storage))}
    return sorted((plan for plan in plans.values() if plan.run in last), key=lambda plan: (last[plan.run], plan.run))


def started_before(storage: Storage, run: str) -> list[Plan]:
    """The runs whose first start came before a run's first, oldest first: what it can have found finished."""
    plans = {plan.run: plan for plan in load_all(storage)}
    order = dict.fromkeys(one for _, one, _ in sorted(_starts(storage)))
    return [plans[one] for one in takewhile(lambda one: one != run, order) if one in plans]


def latest(storage: Storage) -> Plan:
    """The run that was started last. Raises `StorageError` if there is none."""
    found = by_start(storage)
    if not found:
        raise StorageError(f"no run was ever started under {storage.root}")
    return found[-1]


def recipe_of(storage: Storage, run: str) -> Recipe:
    """The recipe that a run was last started by."""
    notes = [name for _, one, name in sorted(_starts(storage)) if one == run]
    kept = json.loads(storage.read(notes[-1])).get("recipe") if notes else None
    if kept is None:
        raise StorageError(f"run {run} under {storage.root} has no note of its recipe; run the recipe again")
    return Recipe.model_validate_json(storage.read(kept))


def _starts(storage: Storage) -> list[tuple[int, str, str]]:
    """(Unix milliseconds, run, name of the note) of every start."""
    names = [name for name in storage.list("runs") if "/start-" in name]
    return [(int(name.split("/")[2].split("-")[1]), name.split("/")[1], name) for name in names]


def chosen(storage: Storage, run: str | None) -> Plan:
    """The plan of a run, or of the latest if none is named. Raises `StorageError` if there is none."""
    return load(storage, run) if run else latest(storage)


def load_all(storage: Storage) -> list[Plan]:
    """Every run that was ever planned under a root, by name."""
    names = [name for name in storage.list("runs") if name.endswith("/plan.json")]
    return [Plan.model_validate_json(data) for _, data in sorted(storage.read_all(names).items())]


def load(storage: Storage, run: str) -> Plan:
    """One run's plan, or `StorageError` naming those that exist."""
    plans = {plan.run: plan for plan in load_all(storage)}
    if run not in plans:
        raise StorageError(f"no run {run!r} under {storage.root}; runs are {', '.join(plans) or '(none)'}")
    return plans[run]


def chains(storage: Storage, plan: Plan, known: Sequence[Sequence[Manifest]] | None = None) -> list[list[Manifest]]:
    """What is finished: for each shard its intake and the manifests of its stages, as far as they exist.

    What is `known` from an earlier look is not looked for again.
    """
    before = known or [[plan.intake_of(shard)] for shard in plan.shards]
    return [_chain(storage, plan, shard, chain) for shard, chain in zip(plan.shards, before, strict=True)]


def published(storage: Storage, plan: Plan, done: Sequence[Sequence[Manifest]]) -> Manifest | None:
    """The manifest of the data set, once every shard is through."""
    if any(len(chain) < len(plan.stages) + 1 for chain in done):
        return None
    upstream = digest(sorted(chain[-1].digest for chain in done))
    return manifests.find(storage, "publish", plan.publish.fingerprint, "all", upstream)


def _chain(storage: Storage, plan: Plan, shard: Shard, known: Sequence[Manifest]) -> list[Manifest]:
    chain = list(known)
    for stage in plan.stages[len(chain) - 1 :]:
        found = manifests.find(storage, stage.stage, stage.fingerprint, shard.name, chain[-1].digest)
        if found is None:
            break
        chain.append(found)
    return chain
