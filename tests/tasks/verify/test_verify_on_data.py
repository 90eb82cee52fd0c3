"""The whole path on real answers: CHAMP's gold answers, and hand-written pairs of the labelled data."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import champ_dataset
import pytest

from tasks.rows.verdict import Verdict
from tasks.verify.consensus import Settings, decide_rows
from tasks.verify.extract import alternatives, final_answer
from tasks.verify.outcome import Equality
from tasks.verify.pool import Verifier

PAIRS = Path(os.environ.get("LABELLED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "pairs/answers.jsonl"
PLAIN_MATH_VERIFY = 0.947  # math-verify 0.9.0 with `$` put round both sides, on all 340 hand-written pairs


def champ_golds() -> list[str]:
    text = (Path(champ_dataset.__file__).parent / "dataset_files/v0.json").read_text(encoding="utf-8")
    problems = json.loads(text)["problems"]
    return [problem["_answer"] for problem in (problems.values() if isinstance(problems, dict) else problems)]


def test_every_champ_gold_is_equal_to_itself() -> None:
    golds = champ_golds()
    assert len(golds) == 270
    rows = [
        {"solutions": [rf"So it is \boxed{{{form}}}."] * 3, "source_answer": gold}
        for gold in golds
        for form in alternatives(gold)
    ]
    with Verifier(workers=2) as verifier:
        decisions = decide_rows(rows, verifier, Settings())
    undecided = [
        row["source_answer"] for row, seen in zip(rows, decisions, strict=True) if seen.verdict != Verdict.KEEP
    ]
    assert undecided == []


@pytest.mark.labelled
@pytest.mark.skipif(not PAIRS.exists(), reason=f"no labelled data at {PAIRS}")
def test_hand_written_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if "test expectation" in row["label_by"] and not row.get("suspect_label")]
    pairs = [tuple(final_answer(row[side]) or row[side] for side in ("gold", "prediction")) for row in rows]
    with Verifier(workers=2) as verifier:
        seen = verifier.compare_all([(gold, prediction) for gold, prediction in pairs])
    right = sum((each.verdict is Equality.EQUAL) == row["equal"] for each, row in zip(seen, rows, strict=True))
    table = Counter((row["equal"], str(each.verdict)) for each, row in zip(seen, rows, strict=True))
    with capsys.disabled():
        print(f"\nhand-written pairs: {right} of {len(rows)} right ({right / len(rows):.1%}), {dict(table)}")
    assert right / len(rows) >= PLAIN_MATH_VERIFY
    assert table[True, "different"] + table[False, "equal"] <= 2  # a wrong verdict is worse than none
