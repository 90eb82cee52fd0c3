"""How many problems early stopping decided otherwise than all ratings would have. Pure.

Problems of the audit sample got all ratings, so it can be told of each where stopping would have ended, and whether
it would have been right. The sample is random, so its share of wrong decisions is that of the problems that were
stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict, Field

from tasks.rate.stopping import settled

CONFIDENCE = 0.95


class Audit(BaseModel):
    """What the audit sample says of the problems that were stopped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(description="Problems rated")
    ratings: int = Field(description="Ratings bought for them")
    saved: float | None = Field(description="Share of all ratings that was not bought; None of no problems")
    stopped: int = Field(description="Problems whose ratings stopped early")
    audited: int = Field(description="Problems that got all ratings to see whether stopping would have been right")
    would_stop: int = Field(description="Of those, problems that would have been stopped")
    lost: int = Field(description="Of those, dropped where all ratings keep")
    let_in: int = Field(description="Of those, kept where all ratings drop")
    flipped: float | None = Field(description="Estimate: stopped problems with the wrong verdict; None if unknown")
    flipped_at_most: float | None = Field(
        description="Upper end of that estimate at 95% confidence (Clopper-Pearson)"
    )


def audit(
    rows: Iterable[tuple[Sequence[float], bool]], samples: int, gate: float, spread: float, chance: float
) -> Audit:
    """The audit of rows, each the ratings that were bought (all readable) and whether it is of the audit sample."""
    given = list(rows)
    sample = [list(ratings) for ratings, chosen in given if chosen and len(ratings) == samples]
    early = [
        (fmean(seen) >= gate, fmean(whole) >= gate)
        for whole in sample
        if (seen := _seen(whole, samples, gate, spread, chance))
    ]
    stopped = sum(len(ratings) < samples for ratings, _ in given)
    bought = sum(len(ratings) for ratings, _ in given)
    wrong = sum(one != other for one, other in early)
    return Audit(
        rows=len(given),
        ratings=bought,
        saved=1 - bought / (samples * len(given)) if given else None,
        stopped=stopped,
        audited=len(sample),
        would_stop=len(early),
        lost=sum(right and not said for said, right in early),
        let_in=sum(said and not right for said, right in early),
        flipped=stopped * wrong / len(early) if early else None,
        flipped_at_most=stopped * upper_limit(wrong, len(early)) if early else None,
    )


def _seen(ratings: Sequence[float], samples: int, gate: float, spread: float, chance: float) -> Sequence[float]:
    """The ratings that stopping would have bought; none where it would have bought all."""
    ends = (count for count in range(1, samples) if settled(ratings[:count], samples, gate, spread, chance))
    return ratings[: next(ends, 0)]


def upper_limit(events: int, trials: int) -> float:
    """The largest probability under which so few events are not unlikely (one-sided, 95%; Clopper and Pearson).

    >>> round(upper_limit(0, 100), 4), upper_limit(5, 5)
    (0.0295, 1.0)
    """
    from scipy.special import betaincinv  # here, because it is slow to import

    return 1.0 if events >= trials else float(betaincinv(events + 1, trials - events, CONFIDENCE))
