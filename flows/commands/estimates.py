"""Commands that tell what a run would take, and what its sources are like: estimate, profile."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import ApprovedBy, Json, Kind, RecipeName, Workers, complaints, say
from flows.runner import Runner
from tasks.errors import RecipeError

if TYPE_CHECKING:
    from flows.plan import Plan
    from flows.recipe import Recipe
    from tasks.estimate.figures import Estimate
    from tasks.estimate.sample import Sampled

app = typer.Typer()


@app.command()
def estimate(
    recipe: RecipeName,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Collected rows; for the paper's sources they are known")
    ] = None,
    against: Annotated[str | None, typer.Option(help="Another recipe: what this one takes as a share of it")] = None,
    root: Annotated[str | None, typer.Option(help="Storage root: what is paid there already")] = None,
    pilot: Annotated[
        int | None,
        typer.Option(min=1, help="Run so many of the recipe's problems under --root, paid, and scale them up"),
    ] = None,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    approved_by: ApprovedBy = "",
    as_json: Json = False,
) -> None:
    """Tell what a recipe takes, stage by stage with 90% intervals, and what each switch saves.

    Nothing is paid, but for a pilot; its replies are kept, and the whole run finds them.
    """
    with complaints():
        from flows import estimate_pages as pages
        from flows.estimate import compared, estimated, stored
        from flows.recipe import load
        from flows.stored import paid_shares
        from flows.terminal import console
        from tasks import world
        from tasks.estimate.assumptions import assumptions

        made, known = load(recipe), assumptions()
        if pilot is not None:
            found = _by_pilot(made, root, pilot, rows, runner, workers, approved_by)
            say(found) if as_json else pages.show(console(), found)
            return
        free = paid_shares(made, world.storage(root)) if root is not None else ()
        found = estimated(made, rows, known, free)
        if root is not None:
            found = stored(found, made, world.storage(root))
        beside = compared(made, load(against), found.rows, known) if against else None
        if as_json:
            say(
                {
                    "estimate": found.model_dump(),
                    "assumptions": known.model_dump(),
                    "against": beside and beside.model_dump(),
                }
            )
            return
        pages.show(console(), found)
        shares = (0.2, 0.5, 0.8)
        pages.show_validation(
            console(), [(one, estimated(made, found.rows, known, filtered=one)) for one in shares], known
        )
        if beside:
            pages.show_comparison(console(), beside)
        pages.show_assumptions(console(), known)


def _by_pilot(
    recipe: Recipe, root: str | None, count: int, rows: int | None, runner: Runner, workers: int, approved_by: str
) -> Estimate:
    """Run a pilot as any recipe is run, and tell what it says of the whole."""
    from flows.estimate import stored
    from flows.pilot import pilot_of, told_by
    from tasks import world

    if root is None:
        raise RecipeError("a pilot is run and paid for: say with --root where its replies are kept")
    made, pool = pilot_of(recipe, root, count)
    plan = _executed(made, root, runner, workers, approved_by)
    storage = world.storage(root)
    return stored(told_by(recipe, storage, plan, rows or pool), recipe, storage)


def _executed(made: Recipe, root: str, runner: Runner, workers: int, approved_by: str) -> Plan:
    """Run it as any recipe is run, but for standard output: that is the command's own."""
    from flows.commands.runs import execute

    with redirect_stdout(sys.stderr):
        return execute(lambda: made, root, None, runner, workers, as_json=False, approved_by=approved_by)


@app.command()
def profile(
    recipe: RecipeName,
    benchmarks: Annotated[
        list[str] | None,
        typer.Option("--benchmark", help="JSON Lines of questions that no row may repeat; repeatable"),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Run so many problems of each source under --root, paid, and tell what they show"),
    ] = None,
    root: Annotated[str | None, typer.Option(help="Storage root: where the replies to a sample are kept")] = None,
    page: Annotated[str | None, typer.Option(help="Write it as an HTML page, too: to this file")] = None,
    runner: Kind = Runner.RAY,
    workers: Workers = 2,
    approved_by: ApprovedBy = "",
    as_json: Json = False,
) -> None:
    """Show a recipe's sources side by side: size, licences, answers, duplicates, what rules drop.

    Nothing is paid, but for a sample: how hard and how contaminated they are, what is accepted, and what a thousand
    accepted rows cost. Its replies are kept, and the whole run finds them.
    """
    with complaints():
        from pathlib import Path

        from flows import profile_pages as pages
        from flows.profile import profiles
        from flows.recipe import load
        from flows.terminal import console
        from tasks.decontaminate.benchmarks import Benchmark

        if sample is not None and root is None:
            raise RecipeError("a sample is run and paid for: say with --root where its replies are kept")
        made = load(recipe)
        held = [Benchmark(name=Path(path).stem, path=path) for path in benchmarks or ()]
        found = profiles(made.sources, held)
        samples = (
            [] if sample is None or root is None else _by_sample(made, root, sample, runner, workers, approved_by)
        )
        if page is not None:
            Path(page).write_text(pages.page(made, found, samples), encoding="utf-8")
        if as_json:
            told = {one.source: one.model_dump(mode="json") for one in samples}
            say([{**one.model_dump(), "left": one.left, "sample": told.get(one.source)} for one in found])
        else:
            pages.show(console(), found, samples)


def _by_sample(
    recipe: Recipe, root: str, count: int, runner: Runner, workers: int, approved_by: str
) -> list[Sampled]:
    """Run a sample of each source as any recipe is run, and tell what it says of them."""
    from flows.pilot import sample_of
    from flows.sampling import sampled
    from tasks import world

    made, pools = sample_of(recipe, root, count)
    plan = _executed(made, root, runner, workers, approved_by)
    return sampled(recipe, world.storage(root), plan, pools)
