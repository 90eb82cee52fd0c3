"""Counts as bars: difficulty, the ratings' spread, contamination, answer types, lengths of solutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tasks.report.charts.canvas import axes, bars, legend, rows_of_axes
from tasks.report.charts.palette import DROPPED, INK, KEPT, MUTED, RULE, SERIES
from tasks.report.contamination import OfBenchmark
from tasks.report.facts import Bin, Rated

_BAR = 0.27
"""Inches of height for one bar."""
_SHOWN_BY = {"exact": "the same text", "signature": "the same in other writing", "judged": "judged the same"}


def difficulty(rated: Sequence[Rated], gate: float | None) -> Figure:
    """Rows by rounded mean rating, those below the gate in another colour."""
    figure, plot = axes(5.4, 2.9)
    at = [one.difficulty for one in rated]
    kept, dropped = [one.kept for one in rated], [one.dropped for one in rated]
    plot.bar(at, dropped, width=0.42, color=DROPPED, label="too easy")
    plot.bar(at, kept, width=0.42, bottom=dropped, color=KEPT, label="kept")
    if gate is not None:
        plot.axvline(gate - 0.25, color=INK, lw=0.9, ls=(0, (4, 3)))
        plot.annotate(
            f"gate {gate:g} ", (gate - 0.25, 1.0), xycoords=("data", "axes fraction"), va="top", ha="right", color=INK
        )
    plot.set(xlabel="mean rating, to the nearest half", ylabel="rows", xlim=(0.6, 10.4), xticks=range(1, 11))
    plot.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    plot.grid(axis="y")
    legend(plot)
    return figure


def difficulty_by_source(found: Mapping[str, Mapping[float, int]], gate: float | None) -> Figure:
    """For each source the share of its rated rows by rating to the nearest half; what the gate takes out in another
    colour (as the paper compares data sets, https://arxiv.org/abs/2504.11456, figure 1a).
    """
    figure, plots = rows_of_axes(10.6, 0.6 + 1.1 * len(found), len(found))
    for plot, (source, counts) in zip(plots, found.items(), strict=True):
        total = max(sum(counts.values()), 1)
        shares = [100 * count / total for count in counts.values()]
        colours = [DROPPED if gate is not None and level < gate - 0.25 else KEPT for level in counts]
        plot.bar([*counts], shares, width=0.42, color=colours)
        plot.set_title(f"{source} ({sum(counts.values()):,})", loc="left", color=INK, fontsize=9.5)
        plot.set(xlim=(0.6, 10.4), xticks=range(1, 11))
        plot.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        plot.grid(axis="y")
    plots[-1].set_xlabel("mean rating, to the nearest half")
    figure.supylabel("% of rated rows", color=MUTED, fontsize=9.5)
    return figure


def spread(found: Mapping[float, int]) -> Figure:
    """Rows by the standard deviation of their ratings."""
    figure, plot = axes(5.4, 2.9)
    plot.bar([*found], [*found.values()], width=0.085, color=SERIES[3])
    plot.set(xlabel="standard deviation of a row's ratings", ylabel="rows", xlim=(-0.1, max([1.0, *found]) + 0.1))
    plot.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    plot.grid(axis="y")
    return figure


def contamination(found: Sequence[OfBenchmark], questions: Mapping[str, int]) -> Figure:
    """For each benchmark the share of its questions that the pool holds, most first, by what showed it.

    Where nobody can tell how many questions they have, how many the pool holds.
    """
    known = [one for one in found if questions.get(one.benchmark)] or list(found)
    part = {one.benchmark: 100 / questions[one.benchmark] if questions.get(one.benchmark) else 1.0 for one in known}
    known.sort(key=lambda one: (-one.found * part[one.benchmark], one.benchmark))
    figure, plot = axes(5.4, 0.75 + _BAR * len(known))
    parts = [
        (label, SERIES[place], [one.by.get(how, 0) * part[one.benchmark] for one in known])
        for place, (how, label) in enumerate(_SHOWN_BY.items())
        if any(one.by.get(how) for one in known)
    ]
    sign = "%" if questions else ""
    labels = [f"{one.found * part[one.benchmark]:{'.1f' if questions else '.0f'}}{sign}" for one in known]
    bars(plot, [one.benchmark for one in known], parts, labels)
    if parts:
        legend(plot)
    return figure


def answer_types(found: Mapping[str, int]) -> Figure:
    """Rows of the data set by the kind of their answer."""
    figure, plot = axes(5.4, 0.4 + _BAR * len(found))
    total = sum(found.values())
    bars(plot, [*found], [("", KEPT, [*found.values()])], [f"{n:,} \u00b7 {n / total:.1%}" for n in found.values()])
    return figure


def lengths(found: Sequence[Bin]) -> Figure:
    """Solutions by length in tokens, the bins growing by a factor."""
    figure, plot = axes(5.4, 2.9)
    at = range(len(found))
    released, others = [one.released for one in found], [one.others for one in found]
    plot.bar(at, released, width=0.86, color=KEPT, label="of rows in the data set")
    plot.bar(at, others, width=0.86, bottom=released, color=RULE, label="of rows that were taken out")
    plot.set_xticks([place - 0.5 for place in at], [f"{one.low:,}" for one in found], rotation=40, ha="right")
    plot.set(xlabel="tokens, reasoning included (each bar from its number up)", ylabel="solutions")
    plot.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    plot.grid(axis="y")
    legend(plot)
    return figure
