"""Are two answers the same? `compare` says equal, different or undecided, and by which rule.

The verify stage keeps a problem when the final answers of all its solutions, and the source's answer where
there is one, are the same (answer verification in DeepMath-103K, arXiv 2504.11456). Its parts: `extract` finds
answers in texts, `rules` decides most pairs exactly, `symbolic` asks math-verify about the rest inside the
killable processes of `pool`, and `consensus` decides rows.

    python -m tasks.verify.compare GOLD PREDICTION
"""

from __future__ import annotations

import sys

from tasks.verify.outcome import Comparison
from tasks.verify.rules import full


def compare(gold: str, prediction: str, kind: str | None = None) -> Comparison:
    """Compare two answers in this process, with no bound on time or memory: for text you trust.

    Symmetric: the order of the two does not matter. Text from outside goes through `pool.Verifier`.
    """
    left, right = sorted((gold, prediction))
    return full(left, right, kind)


def main(arguments: list[str]) -> int:
    """Print the verdict and the rule for two answers given on the command line."""
    if len(arguments) != 2:
        print("usage: python -m tasks.verify.compare GOLD PREDICTION", file=sys.stderr)
        return 2
    from tasks.verify.pool import Verifier  # it imports this module

    with Verifier(workers=1) as verifier:
        (comparison,) = verifier.compare_all([(arguments[0], arguments[1])])
    print(comparison.verdict, comparison.rule, sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
