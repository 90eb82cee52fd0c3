"""What early stopping saves, on the paper's funnel. Pure.

    python -m tasks.rate.saving [--spread 0.65] [--chance 0.01] [--further 1]

DeepMath-103K rated 2,670K rows and dropped 1,580K of them as too easy (arXiv 2504.11456, figure 5). How their
levels were distributed is not published; what is printed takes the levels of the dropped rows as evenly spread
from 1.5 to 4.5 and those of the kept ones from 5 to 8, and tells the number bought at each level so that others can
be taken. Ratings of a problem are its level with normal noise, rounded to half steps from 1 to 10.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist, fmean
from typing import Any

from tasks.rate.rating import Settings, looks, stops
from tasks.rate.stopping import HIGHEST, LOWEST, STEP, certain_drop

RATED, DROPPED = 2_670_000, 1_580_000
EASY = tuple(halves / 2 for halves in range(3, 10))
HARD = tuple(halves / 2 for halves in range(10, 17))
_STEPS = tuple(halves * STEP for halves in range(int(LOWEST / STEP), int(HIGHEST / STEP) + 1))

Stops = Callable[[Sequence[float]], bool]
"""Whether rating ends at these ratings."""


def chances(level: float, spread: float) -> Mapping[float, float]:
    """Probability of each half step as a rating: normal around `level`, standard deviation `spread`, cut at the ends.

    >>> chances(3.0, 0.0)
    {3.0: 1.0}
    """
    if spread == 0:
        return {level: 1.0}
    noise = NormalDist(level, spread)
    ends = [0.0, *(noise.cdf(step + STEP / 2) for step in _STEPS[:-1]), 1.0]
    return {step: high - low for step, low, high in zip(_STEPS, ends[:-1], ends[1:], strict=True) if high > low}


def exact(settings: Settings) -> Stops:
    """When `exact` ends."""
    at = looks(settings, "exact")
    return lambda ratings: len(ratings) in at and certain_drop(ratings, settings.samples, settings.gate)


def statistical(settings: Settings) -> Stops:
    """When `statistical` ends."""
    at = looks(settings, "statistical")
    return lambda ratings: len(ratings) in at and stops(ratings, settings)


def expected(
    level: float, spread: float, stops: Stops, *, samples: int = 6, gate: float = 5.0
) -> tuple[float, float]:
    """Expected ratings bought for one problem, and the chance that it gets another verdict than by all ratings.

    Ratings that are permutations of one another are one case; cases less likely than 1e-9 are left out.
    """
    one = chances(level, spread)
    cases: dict[tuple[float, ...], float] = {(): 1.0}
    bought, flipped = 0.0, 0.0
    for _ in range(samples):
        bought += sum(cases.values())
        grown: dict[tuple[float, ...], float] = defaultdict(float)
        for known, likely in cases.items():
            for step, chance in one.items():
                if likely * chance > _NEGLIGIBLE:
                    grown[tuple(sorted((*known, step)))] += likely * chance
        ended = {known for known in grown if len(known) < samples and stops(known)}
        flipped += sum(grown[known] * _flips(known, one, samples, gate) for known in ended)
        cases = {known: chance for known, chance in grown.items() if known not in ended}
    return bought, flipped


_NEGLIGIBLE = 1e-9


def _flips(known: Sequence[float], one: Mapping[float, float], samples: int, gate: float) -> float:
    """The chance that all ratings give another verdict than these."""
    sums: dict[float, float] = {sum(known): 1.0}
    for _ in range(samples - len(known)):
        grown: dict[float, float] = defaultdict(float)
        for total, likely in sums.items():
            for step, chance in one.items():
                grown[total + step] += likely * chance
        sums = grown
    kept = fmean(known) >= gate
    return sum(chance for total, chance in sums.items() if (total / samples >= gate) != kept)


def saving(stops: Stops, spread: float, *, samples: int = 6, gate: float = 5.0) -> dict[str, Any]:
    """The share of all ratings that is not bought, of rows with another verdict, and what they rest on."""
    by_level = {level: expected(level, spread, stops, samples=samples, gate=gate) for level in (*EASY, *HARD)}
    dropped = DROPPED / RATED
    weights = [(dropped, EASY), (1 - dropped, HARD)]
    bought = sum(share * fmean(by_level[level][0] for level in levels) for share, levels in weights)
    flipped = sum(share * fmean(by_level[level][1] for level in levels) for share, levels in weights)
    return {
        "ratings bought by level": {level: round(one, 3) for level, (one, _) in by_level.items()},
        "saved share of ratings": round(1 - bought / samples, 4),
        "ratings saved": round((1 - bought / samples) * RATED * samples),
        "rows with another verdict": round(flipped * RATED),
        "their share": round(flipped, 6),
    }


def main(arguments: list[str]) -> int:
    """Print the saving as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tasks.rate.saving", description="What early stopping saves")
    parser.add_argument("--spread", type=float, default=0.65, help="standard deviation of a problem's ratings")
    parser.add_argument("--expected-spread", type=float, default=0.65, help="what `statistical` takes it for")
    parser.add_argument("--chance", type=float, default=0.01, help="bound of `statistical`")
    parser.add_argument("--further", type=int, default=1, help="ratings bought at once after the first look")
    given = parser.parse_args(arguments)
    settings = Settings(chance=given.chance, spread=given.expected_spread, further=given.further)
    rules = {"exact": exact(settings), "statistical": statistical(settings)}
    print(json.dumps({
        "rows rated": RATED,
        "dropped share of rows": round(DROPPED / RATED, 4),
        "spread of ratings": given.spread,
        **{name: saving(stops, given.spread) for name, stops in rules.items()},
    }, indent=1))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
