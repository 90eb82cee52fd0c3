"""Sources side by side, in a terminal and as a page without script: what they hold, and what samples tell of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.profile import Profile
from flows.recipe import Recipe
from tasks.estimate.figures import Interval
from tasks.estimate.sample import Sampled

_OF_SAMPLES = (
    "Rows chosen by lot went through the whole recipe. An interval holds 90%; - where a sample says nothing."
)
Line = tuple[str, list[str]]
"""A label, and a cell for each source."""
_FREE: dict[str, Callable[[Profile], str]] = {
    "rows": lambda one: f"{one.rows:,}",
    "unreadable or empty": lambda one: f"{one.unreadable + one.empty:,}",
    "exact duplicates": lambda one: f"{one.duplicates:,}",
    "in a source before": lambda one: f"{one.elsewhere:,}",
    "screened by rules": lambda one: f"{one.screened_by_rules:,}",
    "left for models": lambda one: f"{one.left:,}",
    "proven contaminated": lambda one: "-" if one.contaminated is None else f"{one.contaminated:,}",
    "licences": lambda one: _counts(one.licences),
    "answers": lambda one: _counts(one.answers),
    "rules": lambda one: _counts(one.screened),
}
_PAID: dict[str, Callable[[Sampled], str]] = {
    "problems sampled": lambda one: f"{one.rows:,} of {one.pool:,}",
    "repeat a benchmark": lambda one: _share(one.contaminated),
    "difficulty, mean": lambda one: _figure(one.difficulty, "{:.1f}"),
    "pass the gate": lambda one: _share(one.hard),
    "accepted": lambda one: _share(one.accepted),
    "USD for 1,000 accepted": lambda one: _figure(one.usd_per_thousand, "{:,.2f}"),
    "GPU-hours for 1,000 accepted": lambda one: _figure(one.gpu_hours_per_thousand, "{:,.1f}"),
}


def show(console: Console, found: Sequence[Profile], samples: Sequence[Sampled] = ()) -> None:
    """Both as tables; an interval holds 90%."""
    console.print(_table("sources", found, _free(found)))
    if samples:
        console.print(_table("as samples tell, with 90% intervals", found, _paid(samples)))


def page(recipe: Recipe, found: Sequence[Profile], samples: Sequence[Sampled] = ()) -> str:
    """The same as HTML, with a picture of how hard each source is."""
    from tasks.report.charts.canvas import Picture
    from tasks.report.charts.counted import difficulty_by_source
    from tasks.report.html.templates import rendered

    levels = {one.source: one.difficulties for one in samples if one.difficulties}
    gate = next((one.typed().model_dump()["gate"] for one in recipe.stages if one.stage == "rate"), None)
    drawn = Picture(
        "difficulty-by-source", "Share of rated rows by difficulty", partial(difficulty_by_source, levels, gate)
    )
    groups = [("What they hold", "Counted over all rows; nothing was asked.", _free(found))]
    if samples:
        groups.append(("What samples tell", _OF_SAMPLES, _paid(samples)))
    return rendered(
        "sources.html.j2",
        {drawn.name: drawn} if levels else {},
        recipe=recipe.name,
        rehearsal=any(model.identity.startswith("rehearsal/") for model in recipe.models().values())
        and bool(samples),
        sources=[one.source for one in found],
        groups=groups,
        is_rated=bool(levels),
    )


def _free(found: Sequence[Profile]) -> list[Line]:
    return [(label, [cell(one) for one in found]) for label, cell in _FREE.items()]


def _paid(samples: Sequence[Sampled]) -> list[Line]:
    return [(label, [cell(one) for one in samples]) for label, cell in _PAID.items()]


def _table(title: str, found: Sequence[Profile], lines: Sequence[Line]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column("", no_wrap=True)
    for one in found:
        table.add_column(escape(one.source), justify="right")
    for label, cells in lines:
        table.add_row(label, *map(escape, cells))  # licences are the sources' own words
    return table


def _counts(counts: dict[str, int]) -> str:
    return "\n".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda item: -item[1])) or "-"


def _figure(one: Interval | None, form: str) -> str:
    if one is None:
        return "-"
    low, middle, high = (form.format(value) for value in (one.low, one.middle, one.high))
    return f"{middle} ({low} to {high})"


def _share(one: Interval | None) -> str:
    return "-" if one is None else f"{one.middle:.0%} ({one.low:.0%} to {one.high:.0%})"
