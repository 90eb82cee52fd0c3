"""The first rows of a stage, and when too many of them are set aside."""

import pytest

from tasks.errors import TooManyQuarantined
from tasks.rows.trial import Trial, TrialOfShard
from tasks.rows.verdict import Verdict


def trial(rows: int = 10, quarantined: float = 0.2) -> TrialOfShard:
    return TrialOfShard(trial=Trial(rows=rows, quarantined=quarantined), stage="rate")


def test_as_many_as_allowed_are_no_reason_to_stop_and_one_more_is() -> None:
    counted = trial()
    for verdict in (Verdict.KEEP, Verdict.QUARANTINE, Verdict.DROP, Verdict.QUARANTINE):
        counted.note(verdict)
    with pytest.raises(TooManyQuarantined, match="rate quarantined 3 of the first 5 rows"):
        counted.note(Verdict.QUARANTINE)


def test_rows_after_the_first_are_not_counted() -> None:
    counted = trial()
    for _ in range(10):
        counted.note(Verdict.KEEP)
    for _ in range(1000):
        counted.note(Verdict.QUARANTINE)
    assert (counted.decided, counted.quarantined) == (10, 0)
