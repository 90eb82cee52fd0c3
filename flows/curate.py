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
from prefect.futures import as_completed

from flows import pause
from flows import plan as plans
from flows.engines import NOWHERE, check_engines, with_engines
from flows.failures import ShardsFailed, failed, first_failure
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
    runs = [through_stages(plan, shard, where) for shard in plan.shards]
    chains = finished(plan, runs, tell)
    publish(plan.publish, release(plan, where), plan.shards, chains, where)


def through_stages(plan: Plan, shard: Shard, where: Where) -> list[Any]:
    """Submit one shard's task runs, each fed by those before it; gives the intake, then the futures."""
    chain: list[Any] = [plan.intake_of(shard)]
    for planned in plan.stages:
        with mostly_waiting() if where.asks_in_batches(planned.roles) else nullcontext():
            chain.append(PER_SHARD[planned.stage].task.submit(planned, shard, list(chain), where))
    return chain


def finished(plan: Plan, runs: Sequence[Sequence[Any]], tell: Callable[[FailedShard], None]) -> list[list[Manifest]]:
    """The shards' manifests, once all have ended; raises `RunHalted` if some stopped on purpose, and `ShardsFailed`
    if some did not get through.
    """
    stages = [planned.stage for planned in plan.stages]
    chains = {
        future: (shard.name, chain) for shard, (_, *chain) in zip(plan.shards, runs, strict=True) for future in chain
    }
    failures: dict[str, FailedShard] = {}
    for future in as_completed(list(chains)):
        future.wait()
        shard, chain = chains[future]
        if shard in failures or not failed(future):
            continue
        if one := first_failure(shard, stages, chain):
            failures[shard] = one
            if one.error not in pause.HALTS:
                tell(one)
    ordered = sorted(failures.values(), key=lambda one: one.shard)
    if halts := [one for one in ordered if one.error in pause.HALTS]:
        raise pause.RunHalted(halts, [one for one in ordered if one.error not in pause.HALTS])
    if ordered or not all(future.state.is_completed() for future in chains):
        raise ShardsFailed(ordered)
    return [[chain[0], *(future.result() for future in chain[1:])] for chain in runs]


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
