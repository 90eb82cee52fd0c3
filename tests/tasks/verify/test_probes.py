"""Pairs written for this project, each compared both ways: every known cause of wrong verdicts, both labels."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tasks.verify.compare import compare
from tasks.verify.outcome import Equality

PROBES = Path(__file__).with_name("probes.txt")
LABELLED = (
    Path(os.environ.get("LABELLED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "pairs/answers.jsonl"
)


def probes() -> list[tuple[str, str, bool]]:
    lines = [line for line in PROBES.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    found = []
    for line in lines:
        same = " === " in line
        left, right = line.split(" === " if same else " =/= ")
        found.append((left, right, same))
    return found


def test_probes(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = probes()
    assert len(chosen) >= 300
    seen = [compare(left, right) for left, right, _ in chosen]
    assert seen == [compare(right, left) for left, right, _ in chosen]
    wrong = [
        (left, right, each)
        for (left, right, same), each in zip(chosen, seen, strict=True)
        if each.verdict is not (Equality.EQUAL if same else Equality.DIFFERENT)
    ]
    undecided = [each for *_, each in wrong if each.verdict is Equality.UNDECIDED]
    with capsys.disabled():
        print(
            f"\nprobes: {len(chosen) - len(wrong)} of {len(chosen)} right, {len(undecided)} undecided, rest {wrong}"
        )
    assert len(wrong) <= 0.05 * len(chosen)
    assert len(undecided) <= 0.02 * len(chosen)
    assert not [each for *_, each in wrong if each.verdict is Equality.EQUAL]


@pytest.mark.labelled
@pytest.mark.skipif(not LABELLED.exists(), reason=f"no labelled data at {LABELLED}")
def test_probes_are_not_taken_from_the_labelled_pairs() -> None:
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    labelled = {frozenset((row["gold"].strip(" $"), row["prediction"].strip(" $"))) for row in rows}
    shared = [
        (left, right) for left, right, _ in probes() if frozenset((left.strip(" $"), right.strip(" $"))) in labelled
    ]
    assert shared == []
