"""How far the ratings of a problem agree. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict, Field


class Agreement(BaseModel):
    """Agreement of ratings that are samples of one rater, so exchangeable: the intraclass correlation of a one-way
    analysis of variance (Shrout and Fleiss 1979: ICC(1,1), and ICC(1,k) of the mean). None where it is undefined.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    problems: int = Field(description="Problems with at least two ratings")
    spread: float | None = Field(description="Standard deviation of the ratings of one problem, pooled")
    one_rating: float | None = Field(description="Share of the variance of a rating that is between problems")
    mean_rating: float | None = Field(description="The same of the mean of a problem's ratings")


def agreement(rows: Sequence[Sequence[float]]) -> Agreement:
    """The agreement of the ratings of each problem; numbers of ratings may differ.

    >>> agreement([[1, 1], [3, 3], [5, 5]]).one_rating
    1.0
    """
    rows = [row for row in rows if len(row) > 1]
    total, count = sum(map(len, rows)), len(rows)
    if not rows:
        return Agreement(problems=0, spread=None, one_rating=None, mean_rating=None)
    grand = sum(map(sum, rows)) / total
    means = [fmean(row) for row in rows]
    within = sum(sum((one - mean) ** 2 for one in row) for row, mean in zip(rows, means, strict=True)) / (
        total - count
    )
    if count == 1:
        return Agreement(problems=1, spread=within**0.5, one_rating=None, mean_rating=None)
    between = sum(len(row) * (mean - grand) ** 2 for row, mean in zip(rows, means, strict=True)) / (count - 1)
    size = (total - sum(len(row) ** 2 for row in rows) / total) / (count - 1)  # of a row, where they differ
    alone = between + (size - 1) * within
    return Agreement(
        problems=count,
        spread=within**0.5,
        one_rating=(between - within) / alone if alone else None,
        mean_rating=(between - within) / between if between else None,
    )
