"""What `tests.bench.scale` prints: what was measured, how it grew, and what the paper's pool would take. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.scale import Measured

PAPER_ROWS = 2_869_000
SLOTS = 64
"""Workers of the cluster that is reckoned with."""
GLOBAL = ("collect", "publish")
"""Stages that one process does for all rows."""
Lines = Iterator[tuple[str, str]]


def told(small: Measured, whole: Measured, grown: Measured, workers: int) -> Lines:
    """Every line: what it is about, and its figure."""
    for run in (small, whole):
        yield f"{run.rows:,} rows: seconds, rows a second", f"{run.seconds:.1f}, {run.rows / run.seconds:.1f}"
    yield "time grew so many fold, rows tenfold", f"{whole.seconds / small.seconds:.1f}"
    for stage, (rows, seconds) in whole.stages.items():
        before = small.stages[stage]
        yield (
            f"{stage}: rows, rows a second of one worker, at a tenth of the rows",
            f"{rows:,}, {rate(rows, seconds)}, {rate(*before)}",
        )
    share = sum(seconds for _, seconds in whole.stages.values()) / (workers * whole.seconds)
    yield "share of the workers' time that stages took", f"{share:.0%}"
    for kind, peak in whole.peaks.items():
        yield f"{kind}: peak MiB of one, at a tenth of the rows", f"{peak:,}, {small.peaks.get(kind, 0):,}"
    for folder, (count, size) in whole.objects.items():
        yield (
            f"{folder}/: objects, MiB, objects at a tenth of the rows",
            f"{count:,}, {size >> 20:,}, {small.objects.get(folder, (0, 0))[0]:,}",
        )
    yield "requests", f"{whole.requests:,}"
    yield from _increment(whole, grown)
    yield from _at_papers_size(small, whole)


def rate(rows: int, seconds: float) -> str:
    """Rows a second, in three digits."""
    return f"{rows / seconds:.3g}" if seconds else "-"


def _increment(whole: Measured, grown: Measured) -> Lines:
    more = grown.requests - whole.requests
    yield "1% more rows: requests, as a share of the first run's", f"{more:,}, {more / whole.requests:.2%}"
    yield (
        "1% more rows: seconds, as a share of the first run's",
        f"{grown.seconds:.1f}, {grown.seconds / whole.seconds:.1%}",
    )
    for kind in ("driver", "workers"):
        yield f"1% more rows: {kind}: peak MiB of one", f"{grown.peaks.get(kind, 0):,}"


def _at_papers_size(small: Measured, whole: Measured) -> Lines:
    def at_papers(of: Callable[[Measured], float]) -> float:
        """On the line through what two sizes took, what the paper's takes: so what every run takes counts once."""
        slope = (of(whole) - of(small)) / (whole.rows - small.rows)
        return of(whole) + max(0.0, slope) * (PAPER_ROWS - whole.rows)

    hours = {
        stage: at_papers(lambda run, stage=stage: run.stages[stage][1]) / 3600 / (1 if stage in GLOBAL else SLOTS)
        for stage in whole.stages
    }
    for stage, each in hours.items():
        who = "one process" if stage in GLOBAL else f"{SLOTS} workers"
        yield f"{PAPER_ROWS:,} rows, {stage}: hours of {who}", f"{each:.2f}"
    driver = at_papers(lambda run: run.peaks.get("driver", 0))
    yield f"{PAPER_ROWS:,} rows: GiB of the driver, were it to go on growing so", f"{driver / 1024:.1f}"
    objects = at_papers(lambda run: sum(count for count, _ in run.objects.values()))
    yield f"{PAPER_ROWS:,} rows: objects", f"{objects:,.0f}"
    size = at_papers(lambda run: sum(size for _, size in run.objects.values()))
    yield f"{PAPER_ROWS:,} rows: GiB stored", f"{size / 2**30:.1f}"
    yield "first bottleneck", f"{first(hours)}, {hours[first(hours)]:.2f} hours"


def first(hours: Mapping[str, float]) -> str:
    """The stage that a run of this size waits for longest."""
    return max(hours, key=lambda stage: hours[stage])
