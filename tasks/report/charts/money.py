"""What was paid, as pictures: over time by stage, and the hours of own engines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from tasks.report.charts.canvas import axes, bars, legend
from tasks.report.charts.palette import DROPPED, KEPT, RULE, SERIES
from tasks.report.facts import Hours, Paid

_HOUR_MS = 3_600_000


def over_time(paid: Sequence[Paid]) -> Figure:
    """Dollars paid so far, stage upon stage."""
    figure, plot = axes(5.4, 2.9)
    stages = list(dict.fromkeys(one.stage for one in paid))
    times = sorted({one.at_ms for one in paid})
    sums = {(stage, at): 0 for stage in stages for at in times}
    for one in paid:
        sums[one.stage, one.at_ms] += one.microusd
    lines = [[so_far / 1e6 for so_far in accumulate(sums[stage, at] for at in times)] for stage in stages]
    moments = [float(date2num(datetime.fromtimestamp(at / 1000, UTC))) for at in times]
    plot.stackplot(moments, lines, labels=stages, colors=SERIES, lw=0, step="post")
    locator = AutoDateLocator(minticks=3, maxticks=7)  # with fewer there is no step for 2.5 to 3 minutes, or hours
    plot.xaxis.set_major_locator(locator)
    plot.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    plot.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    plot.set(ylabel="USD", xlabel="UTC")
    plot.margins(x=0)
    plot.grid(axis="y")
    legend(plot)
    return figure


def hours(engines: Sequence[Hours]) -> Figure:
    """GPU-hours of each endpoint's engines by what they were."""
    figure, plot = axes(5.4, 0.85 + 0.34 * len(engines))
    states = (("useful", KEPT), ("starting", SERIES[1]), ("idle", RULE), ("wasted", DROPPED))
    parts = [(name, colour, [getattr(one.split, name) / _HOUR_MS for one in engines]) for name, colour in states]
    labels = [f"{one.split.allocated / _HOUR_MS:,.2f} h" for one in engines]
    bars(plot, [one.endpoint for one in engines], parts, labels)
    legend(plot)
    return figure
