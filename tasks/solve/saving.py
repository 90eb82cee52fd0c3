"""How many solutions lazy sampling does not buy, at a given share of problems kept. Pure.

    python -m tasks.solve.saving [--kept 0.087] [--solutions 3]

A problem is kept when all of its answers agree. Let each further answer agree with those before it with the same
probability, whatever came before: then the share kept fixes that probability, and with it how many solutions are
bought before the first that disagrees. With a source's answer the first solution can already end a row's hopes;
without one, the second. Problems differ, so that answers go together, and lazy sampling saves more at the same
share: the second number is for the extreme where a problem's solutions all agree or all differ.
"""

from __future__ import annotations

import argparse
import json
import sys

PAPER_KEPT = 0.087
"""DeepMath-103K: 95K of 1,090K problems passed answer verification (arXiv 2504.11456). Those that a filter
took out unsolved are among the 1,090K, so the share among solved problems was higher and the saving lower."""


def bought(kept: float, solutions: int, *, source: bool) -> float:
    """Solutions bought for each problem on average when a share `kept` (0 to 1) of problems is kept.

    >>> bought(1.0, 3, source=True), bought(0.0, 3, source=True), bought(0.0, 3, source=False)
    (3.0, 1.0, 2.0)
    """
    chances = solutions if source else solutions - 1
    agree = kept ** (1 / chances) if chances else 1.0
    free = 1 if source else 2
    return float(min(free, solutions) + sum(agree**n for n in range(1, solutions - free + 1)))


def least(kept: float, solutions: int, *, source: bool) -> float:
    """The same where a problem's solutions all agree or all differ.

    >>> least(0.5, 3, source=True)
    2.0
    """
    free = min(1 if source else 2, solutions)
    return free + kept * (solutions - free)


def main(arguments: list[str]) -> int:
    """Print as JSON what share of the solutions is not bought."""
    parser = argparse.ArgumentParser(prog="python -m tasks.solve.saving", description="What lazy sampling saves")
    parser.add_argument("--kept", type=float, default=PAPER_KEPT, help="share of problems that verification keeps")
    parser.add_argument("--solutions", type=int, default=3)
    given = parser.parse_args(arguments)
    print(json.dumps({
        name: {
            "bought, answers independent": round(bought(given.kept, given.solutions, source=source), 3),
            "bought, all or none agree": round(least(given.kept, given.solutions, source=source), 3),
            "saved": [round(1 - each / given.solutions, 3) for each in (
                bought(given.kept, given.solutions, source=source), least(given.kept, given.solutions, source=source)
            )],
        }
        for name, source in (("with a source answer", True), ("without one", False))
    }, indent=1))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
