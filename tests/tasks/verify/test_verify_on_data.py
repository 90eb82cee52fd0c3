"""The whole path on real answers: CHAMP's gold answers."""

from __future__ import annotations

import json
from pathlib import Path

import champ_dataset

from tasks.rows.verdict import Verdict
from tasks.verify.consensus import Settings, decide_rows
from tasks.verify.extract import alternatives
from tasks.verify.pool import Verifier


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
