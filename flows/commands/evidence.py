"""Commands around what was released: explain, audit, push."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from flows.commands.options import Json, Root, complaints, people, say

app = typer.Typer()
audit = typer.Typer(help="The error rate of the released answers, by people's judgement.", no_args_is_help=True)
app.add_typer(audit, name="audit")
Run = Annotated[str | None, typer.Option(help="Which run; the latest if left out")]


@app.command()
def explain(
    problem: Annotated[str, typer.Argument(help="A problem_id or row_id, or how it begins")],
    root: Root,
    run: Run = None,
    whole: Annotated[bool, typer.Option("--whole", help="Do not cut long texts")] = False,
    as_json: Json = False,
) -> None:
    """Tell a row's whole story, kept or dropped: source, texts, verdicts, neighbours, solutions, requests, prices."""
    with complaints():
        from flows import plan as plans
        from flows.explain import explain as look
        from flows.story import rendered
        from flows.terminal import console
        from tasks import world

        storage = world.storage(root)
        story = look(storage, plans.chosen(storage, run), problem)
        if as_json:
            say(story.model_dump())
        else:
            console().print(rendered(story, whole=whole))


@audit.command()
def draw(
    root: Root,
    out: Annotated[Path, typer.Option(help="File for the sheet; the key goes beside it, as <name>.key.json")],
    size: Annotated[int, typer.Option(min=1, help="Rows to judge")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed draws the same rows")] = 1,
    run: Run = None,
) -> None:
    """Write a blind random sample of the released rows for people to judge."""
    with complaints():
        from flows import audit as audits
        from flows import plan as plans
        from tasks import world

        storage = world.storage(root)
        items, key = audits.draw(storage, plans.chosen(storage, run), size, seed)
        with out.open("x", encoding="utf-8") as file:
            file.write(audits.sheet(items))
        _key(out).write_text(key.model_dump_json(indent=1), encoding="utf-8")
        people.print(
            f"{len(items)} of {key.population} rows are in {escape(str(out))}. Fill in each line's verdict (right, "
            f"wrong or unsure) without looking into {escape(_key(out).name)}; then: audit score {escape(str(out))}",
            soft_wrap=True,
        )


@audit.command()
def score(
    sheet: Annotated[Path, typer.Argument(help="The sheet, filled in")],
    as_json: Json = False,
) -> None:
    """Compute the error rate, with its 95% interval, from a sheet that people have filled in."""
    with complaints():
        from flows import audit as audits
        from flows.story import rates_table
        from flows.terminal import console

        key = audits.Key.model_validate_json(_key(sheet).read_text(encoding="utf-8"))
        with sheet.open(encoding="utf-8") as lines:
            rates = audits.score(audits.parsed(lines), key)
        if as_json:
            say([rate.model_dump() for rate in rates])
        else:
            console().print(rates_table(rates))


@app.command()
def push(
    root: Root,
    to: Annotated[str, typer.Option(help="hf://datasets/<owner>/<name>, or any fsspec URL of a folder")],
    run: Run = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send; without it, only say what would be sent")] = False,
    public: Annotated[bool, typer.Option("--public", help="A repository that is made on the Hub is public")] = False,
) -> None:
    """Send a run's data set to a folder or to the Hub. What is there already is not sent again."""
    with complaints():
        from flows import plan as plans
        from flows.push import Push, words
        from tasks import world

        storage = world.storage(root)
        made = Push(storage, plans.chosen(storage, run), to, private=not public)
        for parcel in made.parcels:
            people.print(f"  {parcel.state:8}{parcel.size:>14,}  {escape(parcel.name)}", soft_wrap=True)
        people.print(f"{words(made.parcels)}, to {escape(to)}", soft_wrap=True)
        if yes:
            made.send(lambda parcel: people.print(f"sent {escape(parcel.name)}", soft_wrap=True))
        else:
            people.print("Nothing was sent; add --yes to send.")


def _key(sheet: Path) -> Path:
    return sheet.with_suffix(".key.json")
