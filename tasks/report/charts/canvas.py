"""What all pictures share: a figure to draw on, and the bytes of a finished one: always the same for the same."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.report.charts.palette import DARK, INK, MUTED, RULE

_STYLE: dict[str, Any] = {
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 9.5,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "picture",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}
_DOTS_PER_INCH = 200
_LIGHT_SHADES = ";".join(f"--c{number}:{light}" for number, light in enumerate(DARK))
_DARK_SHADES = ";".join(f"--c{number}:{dark}" for number, dark in enumerate(DARK.values()))
_SHADES = f"svg{{{_LIGHT_SHADES}}}@media(prefers-color-scheme:dark){{svg{{{_DARK_SHADES}}}}}"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a file for papers (SVG, and PNG on white), and as the page shows it."""

    name: str
    alt: str
    """What it shows, for those who do not see it."""
    paint: Callable[[], Figure]

    def svg(self) -> bytes:
        """Scalable, in light colours, text as text."""
        return self._saved("svg", metadata={"Date": None, "Creator": None})

    def png(self) -> bytes:
        """200 dots per inch, on white."""
        return self._saved("png", metadata={"Software": None}, dpi=_DOTS_PER_INCH, facecolor="white")

    def themed(self) -> bytes:
        """The SVG in the light or dark colours of whoever looks at it."""
        drawn = self.svg().decode("utf-8")
        for number, light in enumerate(DARK):
            drawn = drawn.replace(light, f"var(--c{number})")
        head = drawn.index(">", drawn.index("<svg ")) + 1
        return f"{drawn[:head]}<style>{_SHADES}</style>{drawn[head:]}".encode()

    def _saved(self, kind: str, **options: Any) -> bytes:
        kept = io.BytesIO()
        with mpl.rc_context(_STYLE):
            self.paint().savefig(kept, format=kind, **options)
        return kept.getvalue()


def axes(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of one plot; sizes in inches, of which the page shows about 100 pixels each."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def rows_of_axes(width: float, height: float, count: int) -> tuple[Figure, list[Axes]]:
    """A figure of plots one below the other that share both axes; sizes in inches, of the whole."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, [*figure.subplots(count, 1, sharex=True, sharey=True, squeeze=False)[:, 0]]


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """A blank figure, to draw on in points from its upper left corner; sizes in points."""
    figure = Figure(figsize=(width / 72, height / 72))
    blank = figure.add_axes((0, 0, 1, 1))
    blank.set(xlim=(0, width), ylim=(height, 0))
    blank.set_axis_off()
    return figure, blank


def bars(
    plot: Axes, names: Sequence[str], parts: Sequence[tuple[str, str, Sequence[float]]], labels: Sequence[str]
) -> None:
    """Horizontal bars, the first on top, of stacked parts (label, colour, lengths), with a label at each end."""
    places, ends = range(len(names)), [0.0] * len(names)
    for label, colour, lengths in parts:
        plot.barh(places, lengths, left=ends, color=colour, height=0.68, label=label)
        ends = [end + length for end, length in zip(ends, lengths, strict=True)]
    for place, end, label in zip(places, ends, labels, strict=True):
        plot.annotate(label, (end, place), xytext=(4, 0), textcoords="offset points", va="center", color=MUTED)
    plot.set_yticks(places, names, color=INK)
    plot.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, max([*ends, 1e-9]) * 1.16))
    plot.spines[["left", "bottom"]].set_visible(False)
    plot.xaxis.set_visible(False)


def legend(plot: Axes) -> None:
    """Above the plot, where it hides nothing."""
    count = len(plot.get_legend_handles_labels()[1])
    plot.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=min(count, 5), handlelength=1, columnspacing=1.2,
        handletextpad=0.5, borderaxespad=0.2, labelcolor=MUTED,
    )  # fmt: skip
