"""The commands that make a picture of a run for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from flows.commands.options import Json, Root, complaints, people, say

app = typer.Typer()
Run = Annotated[str | None, typer.Option(help="Which run; the latest if left out")]


@app.command()
def report(
    root: Root,
    run: Run = None,
    out: Annotated[Path, typer.Option(help="The page to write", dir_okay=False)] = Path("report.html"),
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for the pictures too, as SVG and PNG", file_okay=False)
    ] = None,
) -> None:
    """Write one HTML page about a run, finished or not: it needs nothing else, loads nothing and runs no script."""
    with complaints():
        from flows import plan as plans
        from flows.report import facts
        from tasks import world
        from tasks.report.charts.gallery import pictures as drawn
        from tasks.report.html.page import page

        storage = world.storage(root)
        found = facts(storage, plans.chosen(storage, run))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page(found), encoding="utf-8")
        people.print(f"wrote {escape(str(out))}", soft_wrap=True)
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            for name, picture in drawn(found).items():
                (pictures / f"{name}.svg").write_bytes(picture.svg())
                (pictures / f"{name}.png").write_bytes(picture.png())
            people.print(f"wrote pictures into {escape(str(pictures))}", soft_wrap=True)


@app.command()
def novelty(
    root: Root,
    against: Annotated[
        list[str], typer.Option(help="Files of another data set (a path, URL or glob), or owner/name on the Hub")
    ],
    run: Run = None,
    column: Annotated[str, typer.Option(help="Their column of questions")] = "question",
    sample: Annotated[int, typer.Option(min=0, help="Rows that the run's judge holds against theirs; 0: none")] = 200,
    points: Annotated[int, typer.Option(min=0, help="Points of each set on the map; 0: no map")] = 2000,
    as_json: Json = False,
) -> None:
    """Count what of a run's data set others have already, by cosine and by a judged sample; its report shows it."""
    with complaints():
        from flows import plan as plans
        from flows.novelty import compare, others
        from flows.terminal import console
        from tasks import world
        from tasks.report.novelty import words

        storage = world.storage(root)
        plan = plans.chosen(storage, run)
        theirs = [text for path in against for text in others(path, column)]
        names = ", ".join(against)
        found = compare(storage, plan, names, theirs, sample=sample, points=points, tell=people.print)
        if as_json:
            say(found)
        else:
            console().print(words(found), soft_wrap=True, markup=False)
