"""When a problem's ratings can stop early. Pure.

`exact` buys no further rating once the problem is certain to be dropped: even if all that are left were the
highest, the mean would stay below the gate. The mean that decides, `fmean`, grows with each rating, so what is
certain for the highest is certain for all. Problems that are kept get all their ratings.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

LOWEST, HIGHEST = 1.0, 10.0


def certain_drop(ratings: Sequence[float], samples: int, gate: float) -> bool:
    """Whether the mean of `samples` ratings, of which `ratings` are known, is below `gate` whatever the others are.

    >>> certain_drop([2, 2, 2, 2], 6, 5.0), certain_drop([2, 2, 2, 4], 6, 5.0)
    (True, False)
    """
    return fmean([*ratings, *[HIGHEST] * (samples - len(ratings))]) < gate


def at_once(samples: int, gate: float) -> int:
    """How many ratings to ask before the first look: fewer can never make a drop certain.

    >>> at_once(6, 5.0)
    4
    """
    return next(
        (count for count in range(1, samples) if certain_drop([LOWEST] * count, samples, gate)),
        samples,
    )
