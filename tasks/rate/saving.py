"""What `exact` early stopping saves, on the paper's funnel. Pure.

    python -m tasks.rate.saving [--spread 0.5]

DeepMath-103K rated 2,670K rows and dropped 1,580K of them as too easy (arXiv 2504.11456, figure 5). How their
levels were distributed is not published; what is printed takes the levels of the dropped rows as evenly spread
from 1.5 to 4.5, and tells the number bought at each level so that others can be taken. Ratings of a problem are
its level with normal noise, rounded to half steps from 1 to 10. Rows that are kept always get all ratings.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from statistics import NormalDist, fmean
from typing import Any

from tasks.rate.stopping import HIGHEST, LOWEST, at_once, certain_drop

RATED, DROPPED = 2_670_000, 1_580_000
LEVELS = tuple(halves / 2 for halves in range(3, 10))
_STEPS = tuple(halves / 2 for halves in range(int(2 * LOWEST), int(2 * HIGHEST) + 1))


def chances(level: float, spread: float) -> Mapping[float, float]:
    """Probability of each half step as a rating: normal around `level`, standard deviation `spread`, cut at the ends.

    >>> chances(3.0, 0.0)
    {3.0: 1.0}
    """
    if spread == 0:
        return {level: 1.0}
    noise = NormalDist(level, spread)
    ends = [0.0, *(noise.cdf(step + 0.25) for step in _STEPS[:-1]), 1.0]
    return {step: high - low for step, low, high in zip(_STEPS, ends[:-1], ends[1:], strict=True) if high > low}


def bought(level: float, spread: float, *, samples: int = 6, gate: float = 5.0) -> float:
    """Expected ratings bought for one problem under `exact`."""
    one = chances(level, spread)
    open_sums: Mapping[float, float] = {0.0: 1.0}
    expected, first = 0.0, at_once(samples, gate)
    for count in range(1, samples + 1):
        expected += sum(open_sums.values())
        sums: dict[float, float] = defaultdict(float)
        for total, chance in open_sums.items():
            for step, likely in one.items():
                sums[total + step] += chance * likely
        known = [LOWEST] * (count - 1)  # only the sum bears on a drop, so any ratings with that sum will do
        stops = {t for t in sums if count >= first and certain_drop([*known, t - sum(known)], samples, gate)}
        open_sums = {total: chance for total, chance in sums.items() if total not in stops}
    return expected


def saving(spread: float, *, samples: int = 6, gate: float = 5.0) -> dict[str, Any]:
    """The share of all ratings that is not bought, and what it rests on."""
    by_level = {level: bought(level, spread, samples=samples, gate=gate) for level in LEVELS}
    dropped = DROPPED / RATED
    saved = dropped * (1 - fmean(by_level.values()) / samples)
    return {
        "rows rated": RATED,
        "dropped share of rows": round(dropped, 4),
        "spread of ratings": spread,
        "ratings bought by level": {level: round(one, 3) for level, one in by_level.items()},
        "saved share of ratings": round(saved, 4),
        "ratings saved": round(saved * RATED * samples),
    }


def main(arguments: list[str]) -> int:
    """Print the saving as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tasks.rate.saving", description="What exact stopping saves")
    parser.add_argument("--spread", type=float, default=0.5, help="standard deviation of a problem's ratings")
    print(json.dumps(saving(parser.parse_args(arguments).spread), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
