"""A rater beside problems of known level: bias, spread, rank correlation, and a correction fitted to them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.rate.correction import Correction

FEWEST = 10
"""Problems below which nothing is fitted."""
_FOLDS = 5

Fit = Literal["linear", "isotonic"]
Points = Sequence[tuple[float, float]]
"""Problems, each by the mean of its ratings and its known level."""


class Calibration(BaseModel):
    """What a rater's means are worth; None where there are too few problems to tell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problems: int
    bias: float | None = Field(description="Mean of (mean rating - level)")
    spread: float | None = Field(description="Standard deviation of that difference")
    error: float | None = Field(description="Mean of its absolute value")
    rank_correlation: float | None = Field(description="Spearman's, of mean rating and level")
    bias_by_level: dict[str, float] = Field(description="Bias of the problems of each level, rounded to a whole")
    gate_agreement: float | None = Field(description="Share of problems on the same side of the gate by both")
    correction: Correction | None = Field(description="For the setting `correction` of stage rate")
    corrected_error: float | None = Field(description="The error with it, on problems that it was not fitted to")
    corrected_gate_agreement: float | None = None


def calibration(points: Points, gate: float, fit: Fit = "isotonic") -> Calibration:
    """The calibration of a rater on problems of known level."""
    apart = [mean - level for mean, level in points]
    by_level: dict[str, list[float]] = defaultdict(list)
    for (_, level), difference in sorted(zip(points, apart, strict=True), key=lambda one: one[0][1]):
        by_level[f"{level:.0f}"].append(difference)
    enough = len(points) >= FEWEST and len({mean for mean, _ in points}) > 1
    held_out = _held_out(points, fit) if enough else []
    return Calibration(
        problems=len(points),
        bias=fmean(apart) if apart else None,
        spread=pstdev(apart) if apart else None,
        error=fmean(map(abs, apart)) if apart else None,
        rank_correlation=_spearman(points),
        bias_by_level={level: fmean(ones) for level, ones in by_level.items()},
        gate_agreement=_same_side(points, gate),
        correction=fitted(points, fit) if enough else None,
        corrected_error=fmean(abs(one - level) for one, level in held_out) if held_out else None,
        corrected_gate_agreement=_same_side(held_out, gate),
    )


def fitted(points: Points, fit: Fit) -> Correction:
    """The correction that fits best, by least squares: a straight line that rises, or any line that never falls."""
    from sklearn.isotonic import IsotonicRegression  # here, because it is slow to import

    means, levels = zip(*sorted(points), strict=True)
    if fit == "isotonic":
        line = IsotonicRegression(y_min=1, y_max=10).fit(means, levels)
        return _rounded(line.X_thresholds_, line.y_thresholds_)
    from scipy.stats import linregress

    found = linregress(means, levels)
    slope = max(found.slope, 0.0)
    ends = [means[0], means[-1]]
    if slope:  # flat from where the line leaves the scale, not bent on the way there
        ends = sorted(min(max(end, (1 - found.intercept) / slope), (10 - found.intercept) / slope) for end in ends)
    return _rounded(ends, [found.intercept + slope * end if slope else fmean(levels) for end in ends])


def _rounded(means: Sequence[float], levels: Sequence[float]) -> Correction:
    """Short numbers to copy, and no mean twice."""
    points = {round(float(mean), 3): round(float(level), 3) for mean, level in zip(means, levels, strict=True)}
    return Correction(mean=tuple(points), level=tuple(points.values()))


def _held_out(points: Points, fit: Fit) -> list[tuple[float, float]]:
    """Each problem's corrected mean and level, the correction being fitted to the other folds."""
    told = []
    for fold in range(_FOLDS):
        rest = [one for place, one in enumerate(points) if place % _FOLDS != fold]
        line = fitted(rest, fit)
        told += [(line.of(mean), level) for mean, level in points[fold::_FOLDS]]
    return told


def _spearman(points: Points) -> float | None:
    if len({mean for mean, _ in points}) < 2 or len({level for _, level in points}) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr([mean for mean, _ in points], [level for _, level in points]).statistic)


def _same_side(points: Points, gate: float) -> float | None:
    return fmean((one >= gate) == (level >= gate) for one, level in points) if points else None
