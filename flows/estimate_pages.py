"""An estimate as a person reads it: the funnel and its costs, what each switch saves, and every assumption."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tasks.estimate.assumptions import Assumptions
from tasks.estimate.comparison import Comparison
from tasks.estimate.figures import Estimate, Interval, Saving


def show(console: Console, found: Estimate) -> None:
    """The estimate: stages, totals, what is paid already, savings."""
    console.print(_stages(found))
    console.print(
        f"{found.rows:,} rows in, {_number(found.accepted)} accepted. Hosted models: {_money(found.usd)}. Own cards: "
        f"{_number(found.gpu_hours)} GPU-hours, {_money(found.card_usd)} at the recipe's price. One stage after the "
        f"other: {_number(found.hours)} hours.\nIntervals hold 90% of the draws. Basis: {found.basis}.",
        soft_wrap=True,
    )
    if found.stored_usd is not None:
        console.print(
            f"Under the root are {found.stored_replies:,} replies of these models, paid with "
            f"${found.stored_usd:,.2f}; those to the same questions are free.",
            soft_wrap=True,
        )
    if any(found.free):
        shares = zip(found.stages, found.free, strict=True)
        through = ", ".join(f"{one.stage} {share:.0%}" for one, share in shares if one.requests.high)
        console.print(
            f"Of the rows, runs under the root have brought through the stages as they are: {through}. Left to pay: "
            f"{_money(found.to_pay_usd)}, {_number(found.to_pay_gpu_hours)} GPU-hours.",
            soft_wrap=True,
        )
    if found.savings:
        console.print(_savings(found.savings))


def show_assumptions(console: Console, known: Assumptions) -> None:
    """Every assumption by name, with its range and its reason."""
    table = Table(title="assumptions (low, likely, high)", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column("name", no_wrap=True)
    table.add_column("range", no_wrap=True)
    table.add_column("why")
    for name, one in known.ranges.items():
        table.add_row(name, f"{one.low:g}, {one.likely:g}, {one.high:g}", one.why)
    console.print(table)


def show_validation(console: Console, at: Sequence[tuple[float, Estimate]], known: Assumptions) -> None:
    """The funnel and costs at several shares of the filter, beside what was published."""
    table = Table(
        title="screening's share is unpublished: the same at 20, 50 and 80%", title_justify="left", box=SIMPLE_HEAD
    )
    for name in ("taken out by screening", "accepted", "USD", "GPU-hours"):
        table.add_column(name, no_wrap=True)
    for share, one in at:
        table.add_row(f"{share:.0%}", _number(one.accepted), _money(one.usd), _number(one.gpu_hours))
    told = known.published
    table.add_row(
        "published", f"{told.screen_to_verify.kept:,}", f"${told.usd:,}", f"{told.gpu_hours:,}", style="bold"
    )
    console.print(table)


def show_comparison(console: Console, found: Comparison) -> None:
    """What a recipe takes as shares of another."""
    table = Table(title=f"as a share of {found.other}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    for name in ("", "USD", "GPU-hours"):
        table.add_column(name, no_wrap=True)
    for line in found.lines:
        table.add_row(line.what, _share(line.usd), _share(line.gpu_hours))
    console.print(table)


def _stages(found: Estimate) -> Table:
    table = Table(title=f"recipe {found.recipe}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column("stage", no_wrap=True)
    for name in ("rows in", "requests", "tokens in, out", "USD", "GPU-hours", "hours"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.stages:
        tokens = f"{_short(one.input_tokens.middle)}, {_short(one.output_tokens.middle)}"
        rest = (one.usd, one.gpu_hours, one.hours)
        table.add_row(one.stage, _cell(one.rows_in), _cell(one.requests), tokens, *map(_cell, rest))
    return table


def _savings(found: Sequence[Saving]) -> Table:
    table = Table(title="what each switch saves (middle)", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column("switch", no_wrap=True)
    table.add_column("USD", justify="right")
    table.add_column("GPU-hours", justify="right")
    for one in found:
        table.add_row(one.switch, f"{one.usd:,.2f}", f"{one.gpu_hours:,.0f}")
    return table


def _number(one: Interval) -> str:
    """The middle, and the bounds where they differ from it."""
    low, middle, high = map(_short, (one.low, one.middle, one.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def _cell(one: Interval) -> str:
    """The same on two lines."""
    return _number(one).replace(" (", "\n").replace(" to ", "-").removesuffix(")")


def _short(value: float) -> str:
    """Three digits tell enough; from ten thousand on in K, M or G.

    >>> _short(1_090_000), _short(950), _short(2.5), _short(0)
    ('1.09M', '950', '2.50', '0')
    """
    for bound, unit in ((1e9, "G"), (1e6, "M"), (1e4, "K")):
        if value >= bound:
            scaled = value / (1e3 if unit == "K" else bound)
            return f"{scaled:.3g}{unit}" if scaled < 1000 else f"{scaled:.0f}{unit}"
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.2f}"


def _money(one: Interval) -> str:
    return (
        f"${one.middle:,.0f} (${one.low:,.0f} to ${one.high:,.0f})"
        if one.high >= 100
        else f"${one.middle:.2f} (${one.low:.2f} to ${one.high:.2f})"
    )


def _share(one: Interval | None) -> str:
    return "-" if one is None else f"{one.middle:.0%} ({one.low:.0%} to {one.high:.0%})"
