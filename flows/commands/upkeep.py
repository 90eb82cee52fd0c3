"""Commands before and beside runs: doctor, prices, compact."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from flows.commands.options import Json, RecipeName, Root, complaints, people, say

app = typer.Typer()
prices = typer.Typer(help="The price table.", no_args_is_help=True)
app.add_typer(prices, name="prices")


@app.command()
def doctor(
    recipe: RecipeName,
    root: Root = ".doctor",
    as_json: Json = False,
) -> None:
    """Ask each role one question, look at prices, ends, sources, storage and budget, before a run is paid for.

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
