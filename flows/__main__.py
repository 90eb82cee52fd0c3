"""The command line: python -m flows demo|run|status|spend.

Exit codes: 0 done, 1 the run failed and can be started again, 2 the input is wrong and nothing was started.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from flows import services
from flows.runner import Runner
from tasks.errors import CurationError, RecipeError, SourceError, StorageError
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
people = Console(stderr=True)

DEMO = Path(".demo")
Root = Annotated[str, typer.Option(help="Storage root: a folder, or any fsspec URL such as s3://bucket/prefix")]
Shards = Annotated[int | None, typer.Option(min=1, max=256, help="Shards per intake; free to change at any time")]
Kind = Annotated[Runner, typer.Option("--runner", help="What runs the shards: a local Ray, or threads")]
Workers = Annotated[int, typer.Option(min=1, help="Shards that are worked on at once")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables")]


@app.command()
def demo(
    source: Annotated[str | None, typer.Option(help="Your own problems instead of the demo's (JSON Lines)")] = None,
    root: Root = str(DEMO / "root"),
    shards: Shards = None,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    as_json: Json = False,
) -> None:
    """Run the whole pipeline on embedded defaults: no keys, no GPU, no network."""

    def recipe() -> Recipe:
        from flows.demo import write_sources
        from flows.recipe import load

        write_sources(DEMO / "sources")
        return load("demo") if source is None else with_source(load("demo"), source)

    with complaints():
        began = datetime.now(UTC)
        plan = execute(recipe, root, shards, runner, workers, as_json)
        if not as_json:
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
    as_json: Json = False,
) -> None:
    """Run a recipe. Started again, it goes on where it stopped and pays for nothing twice."""
    with complaints():
        from flows.recipe import load

        execute(lambda: load(recipe), root, shards, runner, workers, as_json)


@app.command()
def status(
    root: Root,
    run: Annotated[str | None, typer.Option(help="One run; all of them if left out")] = None,
    as_json: Json = False,
) -> None:
    """Show how far the runs under a root are."""
    with complaints():
        from flows import plan as plans
        from flows.status import status as look
        from flows.terminal import console, funnel_table
        from tasks import world

        storage = world.storage(root)
        found = [look(storage, plan) for plan in ([plans.load(storage, run)] if run else plans.load_all(storage))]
        if not found:
            raise StorageError(f"no run was ever started under {root}")
        if as_json:
            say([one.model_dump() for one in found])
        for one in () if as_json else found:
            console().print(funnel_table(one))
            console().print(f"data set: {one.dataset}\n" if one.done else "not finished\n", soft_wrap=True)


@app.command()
def spend(
    root: Root,
    by: Annotated[By, typer.Option(help="What to group by")] = By.STAGE,
    as_json: Json = False,
) -> None:
    """Show what was asked and paid under a root, from the attempt log alone."""
    with complaints():
        from flows.status import spend as look
        from flows.terminal import console, spend_table
        from tasks import world

        found = look(world.storage(root), by)
        if as_json:
            say(found)
            return
        console().print(spend_table(found))


def execute(
    recipe: Callable[[], Recipe], root: str, shards: int | None, runner: Runner, workers: int, as_json: bool
) -> Plan:
    """Run a recipe with a Prefect server and a task runner of its own, and say how it ended.

    The recipe is made while the server comes up.
    """
    with services.prefect_server(DEMO / "prefect") as server:
        from flows.curate import curate
        from flows.runner import task_runner
        from flows.terminal import progress
        from tasks import world

        made = recipe() if shards is None else recipe().model_copy(update={"shards": shards})
        storage = world.storage(root)
        with task_runner(runner, workers) as tasks_run_on, server():
            people.print(f"curating [bold]{made.name}[/] into {escape(root)}", soft_wrap=True)
            with progress(people, storage):
                plan = curate.with_options(task_runner=tasks_run_on)(made, root)
        ended(storage, plan, as_json)
        return plan


def ended(storage: Storage, plan: Plan, as_json: bool) -> None:
    """Say what a finished run gave and cost."""
    from flows.status import spend as look_spend
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


@contextmanager
def complaints() -> Iterator[None]:
    """Errors that a person can mend are told in words; everything else keeps its traceback."""
    try:
        yield
    except (RecipeError, SourceError) as fault:
        people.print("[red]error:[/]", escape(str(fault)), soft_wrap=True)
        raise typer.Exit(2) from fault
    except CurationError as fault:
        people.print("[red]failed:[/]", escape(str(fault)), soft_wrap=True)
        raise typer.Exit(1) from fault


if __name__ == "__main__":
    services.be_quiet()
    app(prog_name="python -m flows")
