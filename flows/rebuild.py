"""A run's outputs, made again from its sources and the stored replies, without buying anything.

Stage outputs, manifests and the data set are derived; the sources and the ledger are not. So they can be deleted
and must come back byte for byte. Everything that could stand in the way is looked at before anything is deleted:
the sources still hold the run's rows, this code is the code the run was planned with, the replies are stored.
A lease on the whole root is held meanwhile: shards that are being worked on are waited for, and whoever wants to
work on one waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import polars as pl
from anyio.from_thread import start_blocking_portal
from prefect import flow

from flows import plan as plans
from flows.curate import carry_out
from flows.engines import NOWHERE
from flows.plan import Plan
from flows.recipe import Recipe
from flows.why import why
from tasks import world
from tasks.collect import task as collect
from tasks.collect.intake import Made
from tasks.errors import NotStored, RecipeError, SourceError
from tasks.publish.task import DATASET
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tasks.stage import ASKED_TABLE
from tasks.world import Where


@flow(name="rebuild", flow_run_name="rebuild {run}")
def rebuild(run: str, root: str) -> Plan:
    """Delete what a run made, and make it again.

    Raises `RecipeError`, `SourceError` or `NotStored` before anything is deleted. If it is interrupted later,
    running the recipe makes what is missing, and finds every reply.
    """
    storage = world.storage(root)
    plan, recipe = plans.load(storage, run), plans.recipe_of(storage, run)
    where = unreached(recipe, root, run)
    leasing = world.whole_lease(where, f"rebuild of {run}")
    with (
        TemporaryDirectory(prefix="rebuild-") as folder,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(leasing) as lease,
    ):
        _check_code(plan, recipe)
        collected = collect.remade(plan.intakes, recipe.sources, where, Path(folder), recipe.collect)
        done = made(storage, plan)
        _check_replies(storage, root, done)
        portal.call(lease.renew)
        delete(storage, [*done, *plan.intakes])
        _collect(plan, recipe, collected, where)
        carry_out(plan, where.model_copy(update={"leased": True}))
    return plan


def unreached(recipe: Recipe, root: str, run: str) -> Where:
    """Where a run works that buys nothing: its endpoints are only names."""
    endpoints = {name: choice.at(choice.address or NOWHERE) for name, choice in recipe.endpoints.items()}
    routes = {name: role.endpoint for name, role in recipe.roles.items()}
    return Where(root=root, run=run, endpoints=endpoints, routes=routes, prices=recipe.token_prices(), buys=False)


def made(storage: Storage, plan: Plan) -> list[Manifest]:
    """Manifests of what a run has made after collecting, last things first."""
    chains = plans.chains(storage, plan)
    last = plans.published(storage, plan, chains)
    return [*([last] if last else []), *(manifest for chain in chains for manifest in reversed(chain[1:]))]


def delete(storage: Storage, done: Sequence[Manifest]) -> None:
    """Delete manifests and the files they name; each manifest goes first, so that none names what is gone."""
    for manifest in done:
        storage.delete(manifests.name_of(manifest))
        for name in _files(storage, manifest):
            storage.delete(name)


def _files(storage: Storage, manifest: Manifest) -> Iterable[str]:
    """The files of a manifest; of a data set all that lies in its folder, the card too."""
    for kind, file in manifest.files.items():
        yield from storage.list(str(PurePosixPath(file.name).parent)) if kind == DATASET else [file.name]


def _collect(plan: Plan, recipe: Recipe, collected: list[Made], where: Where) -> None:
    if collect.again(collected, recipe.sources, where, recipe.collect) != plan.intakes:
        raise SourceError(
            f"collecting gave other intakes than those of {plan.run}: somebody else works under {where.root}. "
            f"Run recipe {plan.recipe} again; no reply is lost."
        )


def _check_code(plan: Plan, recipe: Recipe) -> None:
    now = plans.make(recipe, plan.intakes)
    if now.run != plan.run:
        lines = "\n".join(f"  {one.stage}: {'; '.join(one.differs)}" for one in why(now, [plan]))
        raise RecipeError(
            f"{plan.run} was planned with other code, prompts or benchmarks than are here now, so its bytes cannot "
            f"be made again. Check out what it ran with, or run the recipe again. Nothing was deleted.\n{lines}"
        )


def _check_replies(storage: Storage, root: str, done: Sequence[Manifest]) -> None:
    store = world.reply_store(root)
    store.refresh()
    for manifest in done:
        if ASKED_TABLE not in manifest.files:
            continue
        asked = manifests.read(storage, manifest, ASKED_TABLE, ["key", "problem_id"])
        known = store.knows(asked["key"].to_list())
        for key, problem in asked.filter(~pl.Series(known, dtype=pl.Boolean)).iter_rows():
            if store.set_aside(key, proven=False) is None:
                raise NotStored(
                    f"{manifest.stage} of {manifest.shard} rests on the reply to key {key} (problem {problem}), "
                    f"which is not in the ledger under {root}. Restore the ledger. Nothing was deleted."
                )
