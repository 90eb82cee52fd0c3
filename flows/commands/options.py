"""What the commands share: their options, what they print for programs, how they tell people of errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from flows.going_on import Paused
from flows.runner import Runner
from tasks.errors import CurationError, RecipeError, SourceError, UnknownPrice

people = Console(stderr=True)

DEMO = Path(".demo")
Root = Annotated[str, typer.Option(help="Storage root: a folder, or any fsspec URL such as s3://bucket/prefix")]
RecipeName = Annotated[str, typer.Argument(help="A recipe's name in deployments/, or a path to a YAML file")]
Shards = Annotated[int | None, typer.Option(min=1, max=256, help="Shards of the first intake; smaller get fewer")]
Kind = Annotated[Runner, typer.Option("--runner", help="What runs the shards: a local Ray, or threads")]
Workers = Annotated[int, typer.Option(min=1, help="Shards that are worked on at once")]
BudgetUsd = Annotated[
    float | None, typer.Option(min=0, help="What the run may spend in US dollars, instead of the recipe's budget")
]
ApprovedBy = Annotated[
    str, typer.Option(help="Your name, to approve what the run is estimated to cost (see approve_above_usd)")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables")]


@contextmanager
def complaints() -> Iterator[None]:
    """Errors that a person can mend are told in words; everything else keeps its traceback."""
    try:
        yield
    except (RecipeError, SourceError, UnknownPrice) as fault:
        people.print("[red]error:[/]", escape(str(fault)), soft_wrap=True)
        raise typer.Exit(2) from fault
    except Paused as why:
        _tell_how_to_go_on(why)
        raise typer.Exit(3) from why
    except CurationError as fault:
        people.print("[red]failed:[/]", escape(str(fault)), soft_wrap=True)
        raise typer.Exit(1) from fault


def say(found: BaseModel | dict[str, object] | list[dict[str, object]]) -> None:
    """One JSON value on standard output."""
    value = found.model_dump() if isinstance(found, BaseModel) else found
    json.dump(value, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


def _tell_how_to_go_on(why: Paused) -> None:
    """Why a run has stopped on purpose, and the command that goes on."""
    from flows.budgets import lines
    from flows.going_on import command, words

    people.print("[yellow]stopped:[/]", escape(words(sys.argv[1:], why)), soft_wrap=True)
    if "--json" in sys.argv:
        budgets = [one.model_dump() for one in lines(why.budgets)]
        json.dump(
            {"stopped": str(why), "budgets": budgets, "go_on": command(sys.argv[1:], why)}, sys.stdout, indent=1
        )
