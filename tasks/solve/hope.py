"""Can a row still be kept with the solutions it has so far? Asked by lazy sampling before it buys the next. Pure.

The verify stage keeps a row only if every pair of answers is equal. So one pair that is not ends its hopes, and
every further solution would be paid for nothing. A comparison that ran into its limits is no verdict on the
answers, and ends no hopes. The rows kept are those that buying all solutions at once keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.verify import consensus
from tasks.verify.consensus import Compares
from tasks.verify.outcome import Comparison, Equality

_LIMITS = ("time", "memory", "too deep", "fault")


def hopeful(row: Mapping[str, Any], solutions: Sequence[str], verifier: Compares) -> bool:
    """Whether every pair of answers that bears on the row is equal so far, the source's answer among them.

    `row` has a `source_answer` (str | None) and may have an `answer_type`. Blocks while pairs are compared.
    """
    case = consensus.case({**row, "solutions": list(solutions)})
    if None in case.answers:
        return False
    (table,) = consensus.compared([case], verifier)
    return all(_open(seen) for seen in consensus.bearing(case, table))


def _open(seen: Comparison) -> bool:
    return seen.verdict is Equality.EQUAL or (seen.verdict is Equality.UNDECIDED and seen.rule.startswith(_LIMITS))
