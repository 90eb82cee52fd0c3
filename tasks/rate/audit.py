"""How many problems early stopping decided otherwise than all ratings would have. Pure.

Problems of the audit sample got all ratings, so it can be told of each where stopping would have ended, and whether
it would have been right. The sample is random, so its share of wrong decisions is that of the problems that were
stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from tasks.rate.rating import Settings, judge, looks, stops

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


def audit(rows: Iterable[tuple[Sequence[float], bool]], settings: Settings) -> Audit:
    """The audit of rows, each the ratings that were bought (all readable) and whether it is of the audit sample."""
    count = bought = stopped = 0
    whole: list[list[float]] = []
    for ratings, chosen in rows:
        count, bought = count + 1, bought + len(ratings)
        stopped += len(ratings) < settings.samples
        if chosen and len(ratings) == settings.samples:
            whole.append(list(ratings))
    verdicts = [(_passes(seen, settings), _passes(row, settings)) for row in whole if (seen := _seen(row, settings))]
    wrong = sum(said != right for said, right in verdicts)
    return Audit(
        rows=count,
        ratings=bought,
        saved=1 - bought / (settings.samples * count) if count else None,
        stopped=stopped,
        audited=len(whole),
        would_stop=len(verdicts),
        lost=sum(right and not said for said, right in verdicts),
        let_in=sum(said and not right for said, right in verdicts),
        flipped=stopped * wrong / len(verdicts) if verdicts else None,
        flipped_at_most=stopped * upper_limit(wrong, len(verdicts)) if verdicts else None,
    )


def words(found: Audit) -> str:
    """The audit as a sentence.

    >>> words(audit([([2, 2, 2], False)], Settings(stopping="statistical"))).split(":")[0]
    'Ratings stopped early for 1 of 1 rated problems'
    """
    begin = f"Ratings stopped early for {found.stopped} of {found.rows} rated problems: "
    if found.flipped is None or found.flipped_at_most is None:
        return f"{begin}how many of them have another verdict than by all ratings is not known, none was audited."
    wrong = f"{found.lost} lost and {found.let_in} let in of {found.would_stop} audited"
    return (
        f"{begin}an estimated {found.flipped:.0f} of them, at most {found.flipped_at_most:.0f} with 95% confidence,"
        f" have another verdict than by all ratings ({wrong})."
    )


def _seen(ratings: Sequence[float], settings: Settings) -> Sequence[float]:
    """The ratings that stopping would have bought; none where it would have bought all."""
    ends = (count for count in looks(settings, "statistical")[:-1] if stops(ratings[:count], settings))
    return ratings[: next(ends, 0)]


def _passes(ratings: Sequence[float], settings: Settings) -> bool:
    return judge(ratings, settings.gate, settings.correction)[0]


def upper_limit(events: int, trials: int) -> float:
    """The largest probability under which so few events are not unlikely (one-sided, 95%; Clopper and Pearson).

    >>> round(upper_limit(0, 100), 4), upper_limit(5, 5)
    (0.0295, 1.0)
    """
    from scipy.special import betaincinv  # here, because it is slow to import

    return 1.0 if events >= trials else float(betaincinv(events + 1, trials - events, CONFIDENCE))
