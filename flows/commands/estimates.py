"""Commands that tell what a run would take: estimate."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Json, RecipeName, complaints, say

app = typer.Typer()


@app.command()
def estimate(
    recipe: RecipeName,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Collected rows; for the paper's sources they are known")
    ] = None,
    against: Annotated[str | None, typer.Option(help="Another recipe: what this one takes as a share of it")] = None,
    root: Annotated[str | None, typer.Option(help="Storage root: what is paid there already")] = None,
    as_json: Json = False,
) -> None:
    """Tell what a recipe takes, stage by stage with 90% intervals, and what each switch saves. Nothing is paid."""
    with complaints():
        from flows import estimate_pages as pages
        from flows.estimate import compared, estimated, stored
        from flows.recipe import load
        from flows.terminal import console
        from tasks import world
        from tasks.estimate.assumptions import assumptions

        made, known = load(recipe), assumptions()
        found = estimated(made, rows, known)
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
