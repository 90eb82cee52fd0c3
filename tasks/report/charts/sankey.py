"""The funnel as a Sankey picture: what stays flows along the top, what a stage takes out falls away under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from tasks.report.charts.canvas import sheet
from tasks.report.charts.palette import ASIDE, DROPPED, INK, KEPT, MUTED
from tasks.report.funnel import FunnelStep

_STEP, _NODE, _TOP, _TALLEST, _GAP, _LINE = 116.0, 7.0, 50.0, 190.0, 26.0, 13.5
_NARROWEST = 1000.0
"""The page shows it as wide as itself: fewer stages must not make it larger."""
_REASONS = 4
"""Told under a stage; the rest is added up."""


def sankey(steps: Sequence[FunnelStep]) -> Figure:
    """One column a stage; heights are rows."""
    scale = _TALLEST / max(steps[0].rows_in, 1)
    foot = max(_foot(step, scale) for step in steps)
    figure, plot = sheet(max(_STEP * len(steps) + 76, _NARROWEST), foot + 8)
    for place, step in enumerate(steps):
        _draw(plot, 2 + place * _STEP, step, scale)
    end = 2 + len(steps) * _STEP
    height = steps[-1].kept * scale
    plot.add_patch(Rectangle((end, _TOP), _NODE, max(height, 0.6), color=KEPT, lw=0))
    plot.text(end, _TOP - 20, f"{steps[-1].kept:,}", color=INK, weight="bold")
    plot.text(end, _TOP - 7, f"{_share(steps[-1].kept, steps[0].rows_in)} of all", color=MUTED, size=9.4)
    return figure


def _draw(plot: Axes, x: float, step: FunnelStep, scale: float) -> None:
    kept, rows_in = step.kept * scale, step.rows_in * scale
    plot.add_patch(Rectangle((x, _TOP), _NODE, max(rows_in, 0.6), color=INK, lw=0))
    plot.text(x, _TOP - 33, step.stage, color=INK, weight="bold")
    plot.text(x, _TOP - 20, f"{step.rows_in:,} in", color=MUTED, size=9.4)
    if step.rows_in:
        plot.text(x, _TOP - 7, f"{_share(step.kept, step.rows_in)} kept", color=MUTED, size=9.4)
    start = x + _NODE
    _band(plot, start, _TOP, x + _STEP, _TOP, kept, KEPT)
    low = _TOP + rows_in + _GAP
    for height, source, colour in _losses(step, scale):
        _band(plot, start, _TOP + kept + source, start + 34, low + source, height, colour)
        plot.add_patch(Rectangle((start + 34, low + source), 3, max(height, 0.6), color=colour, lw=0))
    for line, (words, colour) in enumerate(_words(step)):
        y = low + max(rows_in - kept, 0) + 13 + line * _LINE
        plot.text(x + 2, y, words, color=colour, size=9.4)


def _losses(step: FunnelStep, scale: float) -> Iterator[tuple[float, float, str]]:
    """(height, how far below what is kept it begins, colour)."""
    dropped, aside = sum(step.dropped.values()) * scale, sum(step.quarantined.values()) * scale
    if dropped:
        yield dropped, 0.0, DROPPED
    if aside:
        yield aside, dropped, ASIDE


def _words(step: FunnelStep) -> list[tuple[str, str]]:
    return [*_told(step.dropped, DROPPED), *_told(step.quarantined, ASIDE)]


def _told(reasons: dict[str, int], colour: str) -> list[tuple[str, str]]:
    most = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    shown = most if len(most) <= _REASONS + 1 else most[:_REASONS]
    rest = most[len(shown) :]
    lines = [(f"{n:,} {_short(reason)}", colour) for reason, n in shown]
    return [*lines, (f"{sum(n for _, n in rest):,} for {len(rest)} reasons", colour)] if rest else lines


def _short(reason: str) -> str:
    words = reason.replace("_", " ")
    return words if len(words) <= 18 else f"{words[:17]}\u2026"


def _foot(step: FunnelStep, scale: float) -> float:
    lost = (step.rows_in - step.kept) * scale
    return _TOP + step.rows_in * scale + _GAP + lost + 13 + _LINE * len(_words(step))


def _band(plot: Axes, x: float, y: float, to_x: float, to_y: float, height: float, colour: str) -> None:
    """A band of rows from one place to another, as high at both ends."""
    middle = (x + to_x) / 2
    corners = [
        *((x, y), (middle, y), (middle, to_y), (to_x, to_y)),
        *((to_x, to_y + height), (middle, to_y + height), (middle, y + height), (x, y + height)),
        (x, y),
    ]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    plot.add_patch(PathPatch(Path(corners, codes), facecolor=colour, alpha=0.38, lw=0))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
