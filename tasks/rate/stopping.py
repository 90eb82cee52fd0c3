"""When a problem's ratings can stop early. Pure.

`exact` buys no further rating once the problem is certain to be dropped: even if all that are left were the
highest, the mean would stay below the gate. The mean that decides, `fmean`, grows with each rating, so what is
certain for the highest is certain for all. Problems that are kept get all their ratings.

`statistical` stops, for a drop or a keep, once the chance of the other verdict is small. Ratings of a problem count
as draws from one normal distribution, of unknown mean, and with a spread of which as much is known beforehand as four
ratings would tell: the mean of all then follows Student's t around the mean so far (the conjugate model; Gelman et
al., Bayesian Data Analysis, section 3.3). How often that errs is not believed but audited: a random share of the
problems gets all ratings (`tasks.rate.audit`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import sha256
from statistics import fmean

from tasks.rate.correction import Correction

LOWEST, HIGHEST, STEP = 1.0, 10.0, 0.5
FIRST_LOOK = 3
"""Ratings bought before `statistical` looks: one or two that err together would settle too much."""
_PRIOR_WEIGHT = 4
"""Degrees of freedom of what is known of the spread beforehand."""


def worth(mean: float, correction: Correction | None) -> float:
    """What is held against the gate: the mean rating, or what it stands for."""
    return correction.of(mean) if correction else mean


def certain_drop(ratings: Sequence[float], samples: int, gate: float, correction: Correction | None = None) -> bool:
    """Whether the mean of `samples` ratings, of which `ratings` are known, is below `gate` whatever the others are.

    >>> certain_drop([2, 2, 2, 2], 6, 5.0), certain_drop([2, 2, 2, 4], 6, 5.0)
    (True, False)
    """
    return worth(fmean([*ratings, *[HIGHEST] * (samples - len(ratings))]), correction) < gate


def at_once(samples: int, gate: float, correction: Correction | None = None) -> int:
    """How many ratings to ask before the first look: fewer can never make a drop certain.

    >>> at_once(6, 5.0)
    4
    """
    return next(
        (count for count in range(1, samples) if certain_drop([LOWEST] * count, samples, gate, correction)),
        samples,
    )


def chance_of_another(ratings: Sequence[float], samples: int, gate: float, spread: float) -> float:
    """The chance (0 to 0.5) that the mean of `samples` ratings lies on the other side of `gate` than that of
    `ratings`, of which there are fewer, but one at least. `spread` is the standard deviation expected of one
    problem's ratings.

    >>> f"{chance_of_another([3, 3, 3], 6, 5.0, 0.5):.4f}", f"{chance_of_another([4, 5, 4.5], 6, 5.0, 0.5):.2f}"
    ('0.0000', '0.03')
    """
    from scipy.special import stdtr  # here, because most runs never need it and it is slow to import

    count, mean = len(ratings), fmean(ratings)
    freedom = _PRIOR_WEIGHT + count - 1
    squares = sum((one - mean) ** 2 for one in ratings)
    scale = math.sqrt((_PRIOR_WEIGHT * spread**2 + squares) / freedom * (samples - count) / (count * samples))
    between = gate - STEP / samples / 2  # the mean of all goes in steps: half a step below the gate still drops
    return float(stdtr(freedom, -abs(mean - between) / scale))


def settled(
    ratings: Sequence[float],
    samples: int,
    gate: float,
    spread: float,
    chance: float,
    correction: Correction | None = None,
) -> bool:
    """Whether `statistical` stops at these ratings: a drop is certain, or the other verdict is unlikely."""
    if len(ratings) < min(FIRST_LOOK, samples):
        return False
    if len(ratings) >= samples or certain_drop(ratings, samples, gate, correction):
        return True
    least = correction.least(gate) if correction else gate
    return chance_of_another(ratings, samples, least, spread) < chance


def audited(problem_id: str, share: float) -> bool:
    """Whether a problem is in the random sample that always gets all ratings. The same problems in every run."""
    return int.from_bytes(sha256(f"rate audit {problem_id}".encode()).digest()[:8], "big") < share * 2**64
