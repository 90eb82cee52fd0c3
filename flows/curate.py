"""The pipeline. Start here: a recipe becomes a run, one task run per stage and shard, chained per shard.

collect is global (it removes duplicates); then every shard goes its own way through the recipe's stages; publish
waits for all of them. A failed shard never stops the others. What is finished is found by its manifest, so a
run that is started again does only what is missing, and pays for none of it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture
from pydantic import BaseModel

from flows import plan as plans
from flows.plan import Plan
from flows.recipe import Recipe
from flows.runner import in_shared_cluster
from flows.services import rehearsal
from flows.stages import PER_SHARD
from tasks import world
from tasks.collect.task import collect
from tasks.errors import CurationError
from tasks.models.prices import table as price_table
from tasks.publish.task import publish
from tasks.rows.fingerprint import digest
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard
from tasks.world import Where


class Failure(BaseModel):
    """A shard that did not get through, and why."""

    shard: str
    stage: str
    reason: str


class ShardsFailed(CurationError):
    """Some shards failed; the others are finished and kept."""

    def __init__(self, failures: list[Failure]) -> None:
        self.failures = failures
        lines = "\n".join(f"  {f.shard} at {f.stage}: {f.reason}" for f in failures)
        super().__init__(f"{len(failures)} shard(s) failed; the others are kept. Run again to go on:\n{lines}")


@flow(name="curate", flow_run_name="curate {recipe.name}", validate_parameters=False)
def curate(recipe: Recipe, root: str) -> Plan:
    """Turn a recipe's sources into a data set under `root`. Safe to run again after any failure.

    Raises `RecipeError` or `SourceError` before anything is spent, and `ShardsFailed` at the end.
    """
    with ExitStack() as services:
        where = locate(recipe, root, services)
        intakes = collect(recipe.sources, where)
        plan = plans.make(recipe, intakes)
        plans.save(world.storage(root), plan)
        plans.note_start(world.storage(root), plan, recipe)
        carry_out(plan, where.model_copy(update={"run": plan.run}))
    return plan


def carry_out(plan: Plan, where: Where) -> None:
    """Bring every shard through its stages, then publish. What is finished is found and left as it is."""
    runs = [through_stages(plan, shard, where) for shard in plan.shards]
    chains = finished(plan, runs)
    models = {role: model.identity for role, model in plan.models.items()}
    publish(plan.publish, plan.recipe, models, plan.shards, chains, where)


def through_stages(plan: Plan, shard: Shard, where: Where) -> list[Any]:
    """Submit one shard's task runs, each fed by those before it; gives the intake, then the futures."""
    chain: list[Any] = [plan.intake_of(shard)]
    for planned in plan.stages:
        chain.append(PER_SHARD[planned.stage].task.submit(planned, shard, list(chain), where))
    return chain


def finished(plan: Plan, runs: Sequence[Sequence[Any]]) -> list[list[Manifest]]:
    """The shards' manifests, once all have ended; raises `ShardsFailed` if some did not get through."""
    futures = [future for chain in runs for future in chain[1:]]
    for future in futures:
        future.wait()
    failures = [
        Failure(shard=shard.name, stage=planned.stage, reason=_reason(future))
        for shard, chain in zip(plan.shards, runs, strict=True)
        for planned, future in zip(plan.stages, chain[1:], strict=True)
        if future.state.is_failed() or future.state.is_crashed()
    ]
    if failures or not all(future.state.is_completed() for future in futures):
        raise ShardsFailed(failures)
    return [[chain[0], *(future.result() for future in chain[1:])] for chain in runs]


def locate(recipe: Recipe, root: str, services: ExitStack) -> Where:
    """Addresses of the recipe's endpoints; rehearsal models are started for as long as `services` is open.

    Raises `UnknownPrice` if any role's model has none: better now than when half of the money is spent.
    """
    for model in recipe.models().values():
        price_table().with_models(recipe.prices).price(model.name)
    endpoints = {}
    for name, choice in recipe.endpoints.items():
        address = choice.address or services.enter_context(rehearsal(journal(root), choice.faults))
        endpoints[name] = choice.at(address)
    routes = {name: role.endpoint for name, role in recipe.roles.items()}
    serves = {name: role.serves for name, role in recipe.roles.items()}
    return Where(
        root=root, run="", endpoints=endpoints, routes=routes, serves=serves, prices=recipe.prices,
        cluster=in_shared_cluster(),
    )  # fmt: skip


def journal(root: str) -> Path:
    """Where the rehearsal models note what they served: under a local root, else under .rehearsal/."""
    storage = world.storage(root)
    name = "rehearsal/journal.jsonl"
    return Path(storage.base) / name if storage.is_local else Path(".rehearsal") / digest(root)[:12] / "journal.jsonl"


def _reason(future: PrefectFuture[Any]) -> str:
    message = future.state.message or future.state.name or "unknown"
    return message.removeprefix("Task run encountered an exception: ")[:2000]
