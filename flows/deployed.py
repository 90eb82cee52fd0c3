"""The flows as deployments run them: parameters that a form can hold, in place of a whole recipe.

Parameters are plain and bounded, so that the server refuses a wrong one before a worker starts. None is a
secret: keys are read from the environment of the worker.

Annotations are evaluated here: Prefect pickles a flow that it serves, and names in strings would mean nothing there.
"""

from pathlib import Path
from typing import Annotated

from prefect import flow
from pydantic import Field

from flows import curate as pipeline
from flows import plan as plans
from flows import recipe as recipes
from flows.demo import write_sources
from flows.recipe import Recipe
from flows.requeue import requeued
from flows.runner import Runner, running_on
from flows.stages import PER_SHARD
from tasks import world
from tasks.ledger.compaction import compact as merge

RecipeName = Annotated[str, Field(json_schema_extra={"enum": list(recipes.names())})]
StageName = Annotated[str, Field(json_schema_extra={"enum": list(PER_SHARD)})]
Root = Annotated[str, Field(min_length=1)]


@flow(name="curate", flow_run_name="curate {recipe} into {root}")
def curate(
    recipe: RecipeName = "demo",
    root: Root = ".demo/root",
    shards: Annotated[int | None, Field(ge=1, le=256)] = None,
    runner: Runner = Runner.RAY,
    workers: Annotated[int, Field(ge=1, le=1024)] = 2,
    budget_usd: Annotated[float | None, Field(gt=0)] = None,
) -> None:
    """Turn a recipe's sources into a data set. Safe to start or retry at any time: what is finished is found.

    Args:
        recipe: Which recipe of deployments/ to run.
        root: Storage root of rows, replies and data sets: a folder, or a URL such as s3://bucket/prefix.
        shards: Shards of the first intake (smaller ones get fewer); the recipe's number if left out. Free to change.
        runner: What runs the shards: Ray (the cluster of RAY_ADDRESS, else a local one) or threads.
        workers: Shards that are worked on at once, on threads or a local Ray.
        budget_usd: Dollars that the run may spend before it is suspended and asks; the recipe's own if left out.
    """
    made = _recipe(recipe).allowed(budget_usd)
    if shards is not None:
        made = made.model_copy(update={"shards": shards})
    with running_on(runner, workers):
        pipeline.curate.fn(made, root)


@flow(name="requeue", flow_run_name="requeue {reason} of {stage} under {root}")
def requeue(
    stage: StageName = "solve",
    reason: Annotated[str, Field(min_length=1)] = "truncated",
    settings: dict[str, float | str | bool] | None = None,
    root: Root = ".demo/root",
    run: str | None = None,
    runner: Runner = Runner.RAY,
    workers: Annotated[int, Field(ge=1, le=1024)] = 2,
) -> None:
    """Ask quarantined rows again. It is a run of its own: all other rows keep their replies, for nothing.

    Args:
        stage: The stage that set the rows aside.
        reason: Why it did, as the artifact `quarantine` names it.
        settings: Settings of the stage that differ for them, such as {"max_tokens": 32768}; if left out, they are
            asked again as they were, for fresh samples.
        root: Storage root of the run.
        run: The run whose rows they are; the latest if left out.
        runner: What runs the shards.
        workers: Shards that are worked on at once, on threads or a local Ray.
    """
    storage = world.storage(root)
    plan = plans.chosen(storage, run)
    recipe = requeued(storage, plan, stage, reason, settings or {})
    with running_on(runner, workers):
        pipeline.curate.fn(recipe, root)


@flow(name="compact", flow_run_name="compact {root}")
def compact(root: Root = ".demo/root") -> None:
    """Merge the small files of the attempt log. Safe at any time, beside running shards too.

    Args:
        root: Storage root whose log is compacted.
    """
    merge(world.storage(root))


def _recipe(name: str) -> Recipe:
    if name == "demo":
        write_sources(Path(".demo") / "sources")
    return recipes.load(name)
