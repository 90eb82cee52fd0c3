"""The command that tells what the ratings of a run are worth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel

from flows.commands.options import Json, Root, complaints, say

app = typer.Typer()


@app.command()
def ratings(
    root: Root,
    run: Annotated[str | None, typer.Option(help="The run; the latest if left out")] = None,
    known: Annotated[
        Path | None, typer.Option(help="JSON lines of known levels (question, difficulty), to calibrate the rater by")
    ] = None,
    fit: Annotated[Literal["isotonic", "linear"], typer.Option(help="How the correction is fitted")] = "isotonic",
    as_json: Json = False,
) -> None:
    """Tell how far a run's ratings agree, what stopping early may have got wrong, and how far they are right."""
    with complaints():
        from flows import plan as plans
        from flows.ratings import ratings as look
        from flows.ratings import read_known
        from tasks import world

        storage = world.storage(root)
        levels = None if known is None else read_known(known)
        found = look(storage, plans.chosen(storage, run), levels, fit)
        if as_json:
            say(found.model_dump())
        else:
            typer.echo("\n".join(lines(found)))


def lines(found: BaseModel, indent: str = "") -> Iterator[str]:
    """Each value under its name, with what it is."""
    for name, field in type(found).model_fields.items():
        value = getattr(found, name)
        told = f"  ({field.description})" if field.description else ""
        if isinstance(value, BaseModel):
            yield f"{indent}{name.replace('_', ' ')}{told}"
            yield from lines(value, f"{indent}  ")
        elif value is not None:
            yield f"{indent}{name.replace('_', ' ')}: {_short(value)}{told}"


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_short(one)}" for name, one in value.items())
    return f"{value:.3f}" if isinstance(value, float) else str(value)
