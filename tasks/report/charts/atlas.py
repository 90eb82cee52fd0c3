"""The map of a data set and another one: a point for each question, near ones for like ones."""

from __future__ import annotations

from matplotlib.figure import Figure

from tasks.report.charts.canvas import sheet
from tasks.report.charts.palette import KEPT, SERIES
from tasks.report.novelty import Novelty

_SIDE = 520.0


def atlas(found: Novelty) -> Figure:
    """Theirs underneath, ours on top; the axes of such a map have no meaning, so none are drawn."""
    figure, plot = sheet(_SIDE, _SIDE * 0.8)
    plot.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.12))
    size = max(5.0, min(22.0, 9000 / max(len(found.ours) + len(found.theirs), 1)))
    for points, colour, marker, label in (
        (found.theirs, SERIES[1], "o", "the other set"),
        (found.ours, KEPT, "D", "this data set"),
    ):
        across, up = [x for x, _ in points], [y for _, y in points]
        plot.scatter(across, up, s=size, c=colour, marker=marker, alpha=0.62, lw=0, label=label)
    plot.legend(loc="upper left", ncols=2, markerscale=1.6, handletextpad=0.2)
    return figure
