"""What one pipeline takes as a share of another, for the same accepted rows, in the same worlds. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel

from tasks.estimate.assumptions import Draws
from tasks.estimate.figures import Interval, interval
from tasks.estimate.worlds import Taken


class Line(BaseModel):
    """Shares for each accepted row; None where the other takes none."""

    what: str
    usd: Interval | None
    gpu_hours: Interval | None


class Comparison(BaseModel):
    """A recipe beside another."""

    other: str
    lines: list[Line]


def line(what: str, one: Sequence[Taken], other: Sequence[Taken]) -> Line:
    """What `one` takes for an accepted row as a share of what `other` takes."""
    return Line(what=what, usd=_share(one, other, "usd"), gpu_hours=_share(one, other, "gpu_hours"))


def _share(one: Sequence[Taken], other: Sequence[Taken], of: str) -> Interval | None:
    ours, theirs = _for_a_row(one, of), _for_a_row(other, of)
    return interval(ours / theirs) if theirs.all() else None


def _for_a_row(taken: Sequence[Taken], of: str) -> Draws:
    return np.asarray(np.sum([getattr(each, of) for each in taken], axis=0) / taken[-1].rows_out)
