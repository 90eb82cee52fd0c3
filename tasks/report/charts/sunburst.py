"""Topics as rings: domains inside, the nodes under them outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import cos, pi, sin

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Wedge

from tasks.report.charts.canvas import sheet
from tasks.report.charts.palette import INK, MUTED, ON_MARK, SERIES

_SIDE, _HOLE, _RING, _DEPTH = 540.0, 44.0, 74.0, 3
_LEAST_ANGLE = 9.5
"""Degrees that a label needs at the inner ring."""
_TREE = tuple[str, ...]


def sunburst(topics: Mapping[str, int]) -> Figure:
    """`topics` counts rows by chain, "Mathematics -> Algebra -> ..."; what lies deeper than three is added up."""
    counts: Counter[_TREE] = Counter()
    for chain, rows in topics.items():
        nodes = tuple(chain.split(" -> "))
        counts[(nodes[1:] or nodes)[:_DEPTH]] += rows
    figure, plot = sheet(_SIDE, _SIDE)
    plot.set_aspect("equal")
    total = counts.total()
    plot.text(_SIDE / 2, _SIDE / 2 - 4, f"{total:,}", ha="center", size=16, weight="bold", color=INK)
    plot.text(_SIDE / 2, _SIDE / 2 + 14, "rows", ha="center", color=MUTED)
    colours: dict[str, str] = {}
    for path, start, angle in _wedges(counts, (), 0.0, 360.0):
        colour = colours.setdefault(path[0], SERIES[len(colours) % len(SERIES)])
        _wedge(plot, path, start, angle, colour)
    return figure


def _wedges(counts: Counter[_TREE], path: _TREE, start: float, angle: float) -> Iterator[tuple[_TREE, float, float]]:
    """Nodes under `path`, the largest first, with where they begin and how wide they are, in degrees."""
    depth = len(path)
    under: Counter[str] = Counter()
    for chain, rows in counts.items():
        if chain[:depth] == path and len(chain) > depth:
            under[chain[depth]] += rows
    whole = sum(rows for chain, rows in counts.items() if chain[:depth] == path)
    for name, rows in sorted(under.items(), key=lambda item: (-item[1], item[0])):
        width = angle * rows / whole
        yield (*path, name), start, width
        yield from _wedges(counts, (*path, name), start, width)
        start += width


def _wedge(plot: Axes, path: _TREE, start: float, angle: float, colour: str) -> None:
    depth = len(path) - 1
    inner = _HOLE + depth * (_RING + 1.5)
    centre, alpha = (_SIDE / 2, _SIDE / 2), (1.0, 0.72, 0.46)[depth]
    plot.add_patch(Wedge(centre, inner + _RING, start - 90, start + angle - 90, width=_RING, color=colour,
                         alpha=alpha, lw=0))  # fmt: skip
    edges = [start] if angle < 360 else []
    for edge in edges:
        x, y = cos((edge - 90) * pi / 180), sin((edge - 90) * pi / 180)
        plot.plot(
            [centre[0] + x * inner, centre[0] + x * (inner + _RING)],
            [centre[1] + y * inner, centre[1] + y * (inner + _RING)],
            color=ON_MARK,
            lw=1,
        )  # fmt: skip
    if angle * (inner + _RING / 2) / (_HOLE + _RING / 2) >= _LEAST_ANGLE:
        _label(plot, path[-1], start + angle / 2, inner + _RING / 2, ON_MARK if depth == 0 else INK)


def _label(plot: Axes, name: str, angle: float, radius: float, colour: str) -> None:
    """Along the radius, never upside down."""
    turned = (angle - 90) * pi / 180
    x, y = _SIDE / 2 + radius * cos(turned), _SIDE / 2 + radius * sin(turned)
    upright = 90 - angle if angle <= 180 else 270 - angle
    short = name if len(name) <= 14 else f"{name[:13]}\u2026"
    plot.text(
        x, y, short, rotation=upright, rotation_mode="anchor", ha="center", va="center_baseline", size=9.4,
        color=colour,
    )  # fmt: skip
