"""`python -m flows benchmarks list|fetch|verify`: the published benchmarks, as a folder of JSONL files."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from flows.commands.options import Json, complaints, people
from tasks.errors import RecipeError

if TYPE_CHECKING:
    from tasks.decontaminate.registry import Known

app = typer.Typer(help="The benchmarks that no row may repeat.", no_args_is_help=True)
Folder = Annotated[Path, typer.Option(help="Folder with one <name>.jsonl per benchmark")]
Names = Annotated[list[str] | None, typer.Argument(help="Benchmarks; all of them if left out")]
HUB = "hf://datasets"
GITHUB = "https://raw.githubusercontent.com"


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Show what is known of each benchmark."""
    from tasks.decontaminate.registry import registry

    known = registry()
    if as_json:
        typer.echo(json.dumps({name: one.model_dump() for name, one in known.items()}, indent=1))
        return
    for name, one in known.items():
        rows = "?" if one.rows is None else one.rows
        typer.echo(f"{name:18} {one.set:10} {rows!s:>5} rows  {one.licence or 'licence unknown'}  {one.place}")


@app.command()
def fetch(
    folder: Folder,
    names: Names = None,
    hub: Annotated[
        str, typer.Option(help="Where datasets lie: a folder or fsspec URL with <owner>/<name>/<file>")
    ] = HUB,
    github: Annotated[
        str, typer.Option(help="Where GitHub's files lie: likewise, with <owner>/<name>/<commit>/<file>")
    ] = GITHUB,
) -> None:
    """Write benchmarks into FOLDER, each as JSON Lines of its questions. What is there stays."""
    with complaints():
        from tasks.decontaminate.fetching import fetch as get
        from tasks.decontaminate.registry import COLUMN

        for name, known in _chosen(names):
            path = folder / f"{name}.jsonl"
            if path.exists():
                people.print(f"{name}: is there")
                continue
            lines = [json.dumps({COLUMN: text}, ensure_ascii=False) + "\n" for text in get(known, hub, github)]
            folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_text("".join(lines), encoding="utf-8")
            part.rename(path)
            people.print(f"{name}: {len(lines)} questions")


@app.command()
def verify(folder: Folder, names: Names = None, as_json: Json = False) -> None:
    """Hold the files of FOLDER against the registry; exit code 1 unless all that were named are whole."""
    with complaints():
        from tasks.decontaminate.registry import verify as hold

        found = []
        for name, known in _chosen(names):
            path = folder / f"{name}.jsonl"
            found.append(hold(name, known, path.read_bytes() if path.is_file() else None))
        if as_json:
            typer.echo(json.dumps([one.model_dump() for one in found], indent=1))
        for one in () if as_json else found:
            counts = f"{one.rows if one.rows is not None else '-'} of {one.expected or '?'}"
            people.print(f"{one.name}: {one.verdict} ({counts}) {escape(one.words)}", soft_wrap=True)
        raise typer.Exit(0 if all(one.verdict in ("whole", "unknown_count") for one in found) else 1)


def _chosen(names: list[str] | None) -> list[tuple[str, Known]]:
    """The registered benchmarks of these names. Raises `RecipeError` for one that is not registered."""
    from tasks.decontaminate.registry import registry

    known = registry()
    for name in names or ():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise RecipeError(
                f"no benchmark is called {name!r}; {f'did you mean {near[0]}?' if near else 'see `list`'}"
            )
    return [(name, known[name]) for name in names or known]
