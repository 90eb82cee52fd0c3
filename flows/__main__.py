"""The command line, `python -m flows COMMAND`: what can be said on it is in `--help`.

Exit codes: 0 done, 1 the run failed and can be started again, 2 the input is wrong and nothing was started, 3 the
run has stopped on purpose (a budget is reached, or too much is quarantined) and says how to go on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel
from rich.markup import escape

from flows import benchmarks, servers, services
from flows.options import DEMO, BudgetUsd, Json, Kind, Root, Shards, Workers, complaints, people
from flows.runner import Runner
from tasks.errors import StorageError
from tasks.ledger.spend import By

if TYPE_CHECKING:
    from flows.plan import Plan
    from flows.recipe import Recipe
    from tasks.rows.storage import Storage

app = typer.Typer(
    help="Curate DeepMath-style mathematics data sets, and never pay twice for the same answer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
prices = typer.Typer(help="The price table.", no_args_is_help=True)
app.add_typer(prices, name="prices")
app.add_typer(benchmarks.app, name="benchmarks")
app.add_typer(servers.app)


@app.command()
def demo(
    source: Annotated[str | None, typer.Option(help="Your own problems instead of the demo's (JSON Lines)")] = None,
    recipe_name: Annotated[str, typer.Option("--recipe", help="Another recipe over the demo's problems")] = "demo",
    root: Root = str(DEMO / "root"),
    shards: Shards = None,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    budget_usd: BudgetUsd = None,
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
        plan = execute(lambda: recipe().allowed(budget_usd), root, shards, runner, workers, as_json)
        if not as_json and recipe_name == "demo":
            from flows.demo import report
            from flows.terminal import console
            from tasks import world

            report(console(), world.storage(root), plan, served(root, began))


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="A recipe's name in deployments/, or a path to a YAML file")],
    root: Root,
    shards: Shards = None,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    budget_usd: BudgetUsd = None,
    as_json: Json = False,
) -> None:
    """Run a recipe. Started again, it goes on where it stopped and pays for nothing twice."""
    with complaints():
        from flows.recipe import load

        execute(lambda: load(recipe).allowed(budget_usd), root, shards, runner, workers, as_json)


@app.command()
def retry(
    run: Annotated[str, typer.Argument(help="A run's name, as `status` shows it")],
    root: Root,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    budget_usd: BudgetUsd = None,
    as_json: Json = False,
) -> None:
    """Run again what of a run has failed, by the recipe it was last started with; what is finished is left."""
    with complaints():
        from flows import plan as plans
        from tasks import world

        recipe = plans.recipe_of(world.storage(root), plans.load(world.storage(root), run).run)
        plan = execute(lambda: recipe.allowed(budget_usd), root, None, runner, workers, as_json)
        if plan.run != run:
            people.print(f"sources or code have changed since {run}: this was {plan.run}", soft_wrap=True)


@app.command()
def doctor(
    recipe: Annotated[str, typer.Argument(help="A recipe's name in deployments/, or a path to a YAML file")],
    root: Root = ".doctor",
    as_json: Json = False,
) -> None:
    """Ask each role's endpoint one question, look at prices, ends, storage and budget, before a run is paid for.

    Exit code 1 where something is at fault. The questions are paid like any others, and logged under ROOT.
    """
    with complaints():
        from flows.doctor import examine
        from flows.recipe import load
        from flows.terminal import console, findings_table

        made = load(recipe)
        found = examine(made, root)
        if as_json:
            say([one.model_dump() for one in found])
        else:
            console().print(findings_table(made.name, found))
        raise typer.Exit(1 if any(one.verdict == "fault" for one in found) else 0)


@prices.command()
def update(
    models: Annotated[list[str] | None, typer.Argument(help="Models to add, as recipes name them")] = None,
) -> None:
    """Fill the price table from the map that litellm ships: the lines it filled before, and those of MODELS."""
    with complaints():
        from flows.pricing import update as fill

        changed = fill(models or ())
        for name, line in changed.items():
            people.print(
                f"{escape(name)}: {line.input} in, {line.cached_input} cached, {line.output} out", soft_wrap=True
            )
        people.print(f"{len(changed)} lines changed; look at the difference before you commit it")


@app.command()
def status(
    root: Root,
    run: Annotated[str | None, typer.Option(help="One run; all of them if left out")] = None,
    why: Annotated[bool, typer.Option("--why", help="Say why the latest run, or RUN, did stages again")] = False,
    contamination: Annotated[
        bool,
        typer.Option("--contamination", help="Say what of each benchmark the latest run, or RUN, found in its pool"),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how far the runs under a root are."""
    with complaints():
        from flows import plan as plans
        from flows.status import status as look
        from flows.terminal import budget_words, console, funnel_table
        from tasks import world

        storage = world.storage(root)
        if why:
            say_why(storage, run, as_json)
            return
        if contamination:
            say_contamination(storage, run, as_json)
            return
        found = [look(storage, plan) for plan in ([plans.load(storage, run)] if run else plans.load_all(storage))]
        if not found:
            raise StorageError(f"no run was ever started under {root}")
        if as_json:
            say([one.model_dump() for one in found])
        for one in () if as_json else found:
            console().print(funnel_table(one))
            console().print(budget_words(one.budgets), soft_wrap=True, end="")
            console().print(f"data set: {one.dataset}\n" if one.done else "not finished\n", soft_wrap=True)


@app.command()
def spend(
    root: Root,
    by: Annotated[By, typer.Option(help="What to group by")] = By.STAGE,
    reconcile: Annotated[str | None, typer.Option(help="A provider's usage export, to hold the log against")] = None,
    endpoint: Annotated[str | None, typer.Option(help="With --reconcile: only what was asked of this one")] = None,
    rounding: Annotated[float, typer.Option(min=0, help="With --reconcile: USD that costs may differ by")] = 0.01,
    as_json: Json = False,
) -> None:
    """Show what was asked and paid under a root; or where a provider's export differs from it (exit code 1)."""
    with complaints():
        from flows.spending import reconciled
        from flows.spending import spend as look
        from flows.terminal import budget_words, console, cost_lines, differences_table, spend_table
        from tasks import world

        storage = world.storage(root)
        if reconcile is not None:
            books = reconciled(storage, reconcile, endpoint, round(rounding * 1_000_000))
            say(books) if as_json else console().print(differences_table(books))
            raise typer.Exit(1 if books.differences else 0)
        found = look(storage, by)
        if as_json:
            say(found)
            return
        console().print(spend_table(found))
        console().print(cost_lines(found), soft_wrap=True)
        console().print(budget_words(found.budgets), soft_wrap=True, end="")


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
        with task_runner(runner, workers) as tasks_run_on, server():
            people.print(f"making [bold]{escape(name)}[/] again, without buying anything", soft_wrap=True)
            plan = again.with_options(task_runner=tasks_run_on)(name, root)
        ended(storage, plan, as_json)


def say_why(storage: Storage, run: str | None, as_json: bool) -> None:
    """Say why a run did stages again that an earlier one had done for the same rows."""
    from flows import plan as plans
    from flows.terminal import console, why_lines
    from flows.why import why

    last = plans.load(storage, run) if run else plans.latest(storage)
    found = why(last, plans.started_before(storage, last.run))
    if as_json:
        say([one.model_dump() for one in found])
    else:
        console().print(why_lines(last.run, found), soft_wrap=True, markup=False)


def say_contamination(storage: Storage, run: str | None, as_json: bool) -> None:
    """Say what of the benchmarks a run has found in its pool."""
    from flows import plan as plans
    from flows.contaminated import contaminated
    from tasks.report.contamination import page

    found, sizes = contaminated(storage, plans.load(storage, run) if run else plans.latest(storage))
    if as_json:
        say({**found.model_dump(), "questions": sizes})
    else:
        typer.echo(page(found, sizes))


@app.command()
def compact(root: Root, as_json: Json = False) -> None:
    """Merge the small files of the attempt log. Safe at any time, beside running shards too."""
    with complaints():
        from dataclasses import asdict

        from tasks import world
        from tasks.ledger.compaction import compact as merge

        done = merge(world.storage(root))
        if as_json:
            say(asdict(done))
        elif done.won:
            people.print(f"{done.segments} segments merged; the ledger is at generation {done.generation}")
        else:
            people.print(f"another compaction was faster; the ledger is at generation {done.generation}")


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
    as_json: Json = False,
) -> None:
    """Ask quarantined rows again, as a run of its own; all other rows keep their replies, for nothing."""
    with complaints():
        from flows import plan as plans
        from flows.requeue import parsed, requeued
        from tasks import world

        storage = world.storage(root)
        plan = plans.load(storage, run) if run else plans.latest(storage)
        recipe = requeued(storage, plan, stage, reason, parsed(changed or []))
        execute(lambda: recipe, root, None, runner, workers, as_json)


def execute(
    recipe: Callable[[], Recipe], root: str, shards: int | None, runner: Runner, workers: int, as_json: bool
) -> Plan:
    """Run a recipe with a Prefect server and a task runner of its own, and say how it ended.

    The recipe is made while the server comes up.
    """
    with services.prefect_server(DEMO / "prefect") as server:
        from flows.curate import curate
        from flows.outages import outages
        from flows.runner import task_runner
        from flows.terminal import progress
        from tasks import world

        made = recipe() if shards is None else recipe().model_copy(update={"shards": shards})
        storage = world.storage(root)
        with outages(), task_runner(runner, workers) as tasks_run_on, server():
            people.print(f"curating [bold]{made.name}[/] into {escape(root)}", soft_wrap=True)
            with progress(people, storage):
                plan = curate.with_options(task_runner=tasks_run_on)(made, root)
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


def say(found: BaseModel | dict[str, object] | list[dict[str, object]]) -> None:
    """One JSON value on standard output."""
    value = found.model_dump() if isinstance(found, BaseModel) else found
    json.dump(value, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    services.be_quiet()
    app(prog_name="python -m flows")
