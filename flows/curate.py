"""The pipeline. Start here: a recipe becomes a run, one task run per stage and shard, chained per shard.

collect is global (it removes duplicates); then every shard goes its own way through the recipe's stages; publish
waits for all of them. A failed shard never stops the others. What is finished is found by its manifest, so a
run that is started again does only what is missing, and pays for none of it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture, as_completed

from flows import pause
from flows import plan as plans
from flows.engines import NOWHERE, check_engines, with_engines
from flows.failures import ShardsFailed, Step, failed, first_failure
from flows.plan import Plan
from flows.recipe import Recipe
from flows.release import release
from flows.runner import in_shared_cluster, mostly_waiting
from flows.services import rehearsal
from flows.stages import PER_SHARD
from flows.watch import shown
from tasks import world
from tasks.collect.task import collect
from tasks.models.prices import table as price_table
from tasks.publish.task import publish
from tasks.report.pages import FailedShard
from tasks.rows.fingerprint import digest
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard
from tasks.world import Where


@flow(name="curate", flow_run_name="curate {recipe.name}", validate_parameters=False)
def curate(recipe: Recipe, root: str, approved_by: str = "") -> Plan:
    """Turn a recipe's sources into a data set under `root`. Safe to run again after any failure.

    `approved_by` is who approves what the run is estimated to cost, where its recipe asks for that.

    Raises `RecipeError`, `SourceError` or (not approved) `Paused` before anything is spent, and `ShardsFailed` or
    `Paused` at the end.
    """
    with ExitStack() as services:
        where = locate(recipe, root, services)
        intakes = collect(recipe.sources, where, recipe.collect)
        plan = plans.make(recipe, intakes)
        plans.save(world.storage(root), plan)
        plans.note_start(world.storage(root), plan, recipe)
        where = pause.permitted(recipe, where.model_copy(update={"run": plan.run}))
        pause.await_approval(recipe, plan, where, approved_by)
        where = services.enter_context(with_engines(recipe, where))
        with pause.at_halt(recipe, where), shown(plan, where) as view:
            carry_out(plan, where, view.failed)
    return plan


def carry_out(plan: Plan, where: Where, tell: Callable[[FailedShard], None] = lambda _: None) -> None:
    """Bring every shard through its stages, then publish. What is finished is found and left as it is.

    A shard that fails is told of at once. Raises `ShardsFailed` when the others have ended.
    """
    found = dict(zip(plan.shards, plans.chains(world.storage(where.root), plan), strict=True))
    most_to_do_first = sorted(found, key=lambda shard: len(found[shard]))
    runs = {shard: through_stages(plan, shard, found[shard], where) for shard in most_to_do_first}
    chains = finished(plan, [runs[shard] for shard in plan.shards], tell)
    publish(plan.publish, release(plan, where), plan.shards, chains, where)


def through_stages(plan: Plan, shard: Shard, done: Sequence[Manifest], where: Where) -> list[Step]:
    """One shard's way: the manifests that are `done`, its intake's first, then a future for each stage to do, which
    is fed by those before it.

    The task runs of what is done only say so. They are run here: a worker takes six times as long to say it.
    """
    way: list[Step] = [*done[:1]]
    for planned in plan.stages:
        task: Any = PER_SHARD[planned.stage].task
        given = planned, shard, list(way), where
        if len(way) < len(done):
            way.append(task(*given))
            continue
        with mostly_waiting() if where.asks_in_batches(planned.roles) else nullcontext():
            way.append(task.submit(*given))
    return way


def finished(plan: Plan, runs: Sequence[Sequence[Step]], tell: Callable[[FailedShard], None]) -> list[list[Manifest]]:
    """The shards' manifests, once all have ended; raises `RunHalted` if some stopped on purpose, and `ShardsFailed`
    if some did not get through.
    """
    stages = [planned.stage for planned in plan.stages]
    ways = {
        step: (shard.name, way)
        for shard, (_, *way) in zip(plan.shards, runs, strict=True)
        for step in way
        if isinstance(step, PrefectFuture)
    }
    failures: dict[str, FailedShard] = {}
    for future in as_completed(list(ways)):
        future.wait()
        shard, way = ways[future]
        if shard in failures or not failed(future):
            continue
        if one := first_failure(shard, stages, way):
            failures[shard] = one
            if one.error not in pause.HALTS:
                tell(one)
    ordered = sorted(failures.values(), key=lambda one: one.shard)
    if halts := [one for one in ordered if one.error in pause.HALTS]:
        raise pause.RunHalted(halts, [one for one in ordered if one.error not in pause.HALTS])
    if ordered or not all(future.state.is_completed() for future in ways):
        raise ShardsFailed(ordered)
    return [[step.result() if isinstance(step, PrefectFuture) else step for step in way] for way in runs]


def locate(recipe: Recipe, root: str, services: ExitStack) -> Where:
    """Addresses of the recipe's endpoints; rehearsal models are started for as long as `services` is open.

    Raises `UnknownPrice` if any role's model has none: better now than when half of the money is spent.
    """
    for role, model in recipe.models().items():
        price = price_table().with_models(recipe.token_prices()).price(model.name)
        if recipe.endpoints[recipe.roles[role].endpoint].lane == "batch":
            price.in_batch()
    check_engines(recipe)
    endpoints = {}
    for name, choice in recipe.endpoints.items():
        address = choice.address or (NOWHERE if choice.kind == "vllm" else "")
        if choice.kind == "rehearsal":
            address = services.enter_context(rehearsal(journal(root), choice.faults))
        endpoints[name] = choice.at(address)
    routes = {name: role.endpoint for name, role in recipe.roles.items()}
    serves = {name: role.serves for name, role in recipe.roles.items()}
    return Where(
        root=root, run="", endpoints=endpoints, routes=routes, serves=serves, prices=recipe.token_prices(),
        cluster=in_shared_cluster(), lease_seconds=recipe.lease_seconds, trial=recipe.trial,
    )  # fmt: skip


def journal(root: str) -> Path:
    """Where the rehearsal models note what they served: under a local root, else under .rehearsal/."""
    storage = world.storage(root)
    name = "rehearsal/journal.jsonl"
    return Path(storage.base) / name if storage.is_local else Path(".rehearsal") / digest(root)[:12] / "journal.jsonl"
