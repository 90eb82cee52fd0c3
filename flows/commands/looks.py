"""Commands that tell what stands under a root: status, spend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json, Root, complaints, say
from tasks.errors import StorageError
from tasks.ledger.spend import By

if TYPE_CHECKING:
    from tasks.rows.storage import Storage

app = typer.Typer()


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
        from flows.terminal import approval_words, budget_words, console, funnel_table
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
            console().print(approval_words(one.approvals), soft_wrap=True, end="")
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


def say_why(storage: Storage, run: str | None, as_json: bool) -> None:
    """Say why a run did stages again that an earlier one had done for the same rows."""
    from flows import plan as plans
    from flows.terminal import console, why_lines
    from flows.why import why

    last = plans.chosen(storage, run)
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

    found, sizes = contaminated(storage, plans.chosen(storage, run))
    if as_json:
        say({**found.model_dump(), "questions": sizes})
    else:
        typer.echo(page(found, sizes))
