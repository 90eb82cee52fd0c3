"""Commands that run the pipeline: demo, run, retry, rebuild, requeue."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from flows import services
from flows.commands.options import (
    DEMO,
    ApprovedBy,
    BudgetUsd,
    Json,
    Kind,
    RecipeName,
    Root,
    Shards,
    Workers,
    complaints,
    people,
    say,
)
from flows.runner import Runner
from tasks.ledger.spend import By

if TYPE_CHECKING:
    from flows.plan import Plan
    from flows.recipe import Recipe
    from tasks.rows.storage import Storage

app = typer.Typer()


@app.command()
def demo(
    source: Annotated[str | None, typer.Option(help="Your own problems instead of the demo's (JSON Lines)")] = None,
    recipe_name: Annotated[str, typer.Option("--recipe", help="Another recipe over the demo's problems")] = "demo",
    root: Root = str(DEMO / "root"),
    shards: Shards = None,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    budget_usd: BudgetUsd = None,
    approved_by: ApprovedBy = "",
    as_json: Json = False,
) -> None:
    """Run the whole pipeline on embedded defaults: no keys, no GPU, no network."""

    def recipe() -> Recipe:
        from flows.demo import write_sources
        from flows.recipe import load

        write_sources(DEMO / "sources")
        return load(recipe_name) if source is None else with_source(load(recipe_name), source)

    with complaints():
        began = datetime.now(UTC)
        plan = execute(lambda: recipe().allowed(budget_usd), root, shards, runner, workers, as_json, approved_by)
        if not as_json and recipe_name == "demo":
            from flows.demo import report
            from flows.terminal import console
            from tasks import world

            report(console(), world.storage(root), plan, served(root, began))


@app.command()
def run(
    recipe: RecipeName,
    root: Root,
    shards: Shards = None,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    budget_usd: BudgetUsd = None,
    approved_by: ApprovedBy = "",
    as_json: Json = False,
) -> None:
    """Run a recipe. Started again, it goes on where it stopped and pays for nothing twice."""
    with complaints():
        from flows.recipe import load

        execute(lambda: load(recipe).allowed(budget_usd), root, shards, runner, workers, as_json, approved_by)


@app.command()
def retry(
    run: Annotated[str, typer.Argument(help="A run's name, as `status` shows it")],
    root: Root,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    budget_usd: BudgetUsd = None,
    approved_by: ApprovedBy = "",
    as_json: Json = False,
) -> None:
    """Run again what of a run has failed, by the recipe it was last started with; what is finished is left."""
    with complaints():
        from flows import plan as plans
        from tasks import world

        recipe = plans.recipe_of(world.storage(root), plans.load(world.storage(root), run).run)
        plan = execute(lambda: recipe.allowed(budget_usd), root, None, runner, workers, as_json, approved_by)
        if plan.run != run:
            people.print(f"sources or code have changed since {run}: this was {plan.run}", soft_wrap=True)


@app.command()
def rebuild(
    root: Root,
    run: Annotated[str | None, typer.Option(help="Which run; the latest if left out")] = None,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    as_json: Json = False,
) -> None:
    """Delete what a run made and make it again from its sources and the stored replies, buying nothing."""
    with complaints(), services.prefect_server(DEMO / "prefect") as server:
        from flows import plan as plans
        from flows.rebuild import rebuild as again
        from flows.runner import task_runner
        from tasks import world

        storage = world.storage(root)
        name = run or plans.latest(storage).run
        with redirect_stdout(sys.stderr), task_runner(runner, workers) as tasks_run_on, server():
            people.print(f"making [bold]{escape(name)}[/] again, without buying anything", soft_wrap=True)
            plan = again.with_options(task_runner=tasks_run_on)(name, root)
        ended(storage, plan, as_json)


@app.command()
def requeue(
    root: Root,
    stage: Annotated[str, typer.Option(help="The stage that set the rows aside")],
    reason: Annotated[str, typer.Option(help="Why it did, as `status` shows it")],
    changed: Annotated[
        list[str] | None, typer.Option("--set", help="name=value: a setting that differs for them; may be repeated")
    ] = None,
    run: Annotated[str | None, typer.Option(help="The run whose rows they are; the latest if left out")] = None,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    approved_by: ApprovedBy = "",
    as_json: Json = False,
) -> None:
    """Ask quarantined rows again, as a run of its own; all other rows keep their replies, for nothing."""
    with complaints():
        from flows import plan as plans
        from flows.requeue import parsed, requeued
        from tasks import world

        storage = world.storage(root)
        plan = plans.chosen(storage, run)
        recipe = requeued(storage, plan, stage, reason, parsed(changed or []))
        execute(lambda: recipe, root, None, runner, workers, as_json, approved_by)


def execute(
    recipe: Callable[[], Recipe],
    root: str,
    shards: int | None,
    runner: Runner,
    workers: int,
    as_json: bool,
    approved_by: str = "",
) -> Plan:
    """Run a recipe with a Prefect server and a task runner of its own, and say how it ended.

    The recipe is made while the server comes up. What Ray prints goes to standard error: standard output tells how it
    ended.
    """
    with services.prefect_server(DEMO / "prefect") as server:
        from flows.curate import curate
        from flows.outages import outages
        from flows.runner import task_runner
        from flows.terminal import progress
        from tasks import world

        made = recipe() if shards is None else recipe().model_copy(update={"shards": shards})
        storage = world.storage(root)
        with redirect_stdout(sys.stderr), outages(), task_runner(runner, workers) as tasks_run_on, server():
            people.print(f"curating [bold]{made.name}[/] into {escape(root)}", soft_wrap=True)
            with progress(people, storage):
                plan = curate.with_options(task_runner=tasks_run_on)(made, root, approved_by)
        ended(storage, plan, as_json)
        return plan


def ended(storage: Storage, plan: Plan, as_json: bool) -> None:
    """Say what a finished run gave and cost."""
    from flows.spending import spend as look_spend
    from flows.status import status as look
    from flows.terminal import console, funnel_table, spend_table

    found, paid = look(storage, plan), look_spend(storage, By.STAGE)
    if as_json:
        say({"status": found.model_dump(), "spend": paid.model_dump()})
        return
    console().print(funnel_table(found))
    console().print(spend_table(paid))
    console().print(f"data set: {found.dataset} ({found.dataset_rows} rows)", soft_wrap=True)


def served(root: str, began: datetime) -> int:
    """Replies that the rehearsal models have sent for this root since `began`."""
    from flows.curate import journal
    from tasks.models.rehearsal.journal import read

    return sum(datetime.fromisoformat(line.time) >= began for line in read(journal(root)))


def with_source(recipe: Recipe, path: str) -> Recipe:
    """The recipe on one's own file instead of its sources."""
    from tasks.collect.source import Source

    return recipe.model_copy(update={"sources": [Source(name="own", path=path)]})
