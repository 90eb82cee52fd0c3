"""Extraction from real solutions that are not part of the project, and agreement with their labels."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tasks.verify.extract import find
from tasks.verify.outcome import Equality
from tasks.verify.pool import Verifier

FOLDER = Path(os.environ.get("LABELLED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "solutions"
pytestmark = [
    pytest.mark.labelled,
    pytest.mark.skipif(not FOLDER.exists(), reason=f"no labelled data at {FOLDER}"),
]
BROKEN_TAG = {"r1-1669"}  # `</answer>15</answer>`: the gatherer took the 16 of an earlier tag, the solution says 15


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def test_every_r1_solution_states_its_answer_and_the_flags_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = rows("r1.jsonl")
    found = [find(row["solution"]) for row in chosen]
    assert None not in found
    answers = [each.answer if each else "" for each in found]
    with Verifier() as verifier:
        same = verifier.compare_all([(a, str(row["predicted"])) for a, row in zip(answers, chosen, strict=True)])
        right = verifier.compare_all([(a, row["gold"]) for a, row in zip(answers, chosen, strict=True)])
    table = Counter((str(row["correct"]), str(each.verdict)) for row, each in zip(chosen, right, strict=True))
    with capsys.disabled():
        print(f"\nr1: places {Counter(each.place for each in found if each)}; flag and verdict {dict(table)}")
    other = {row["id"] for row, each in zip(chosen, same, strict=True) if each.verdict is not Equality.EQUAL}
    assert other <= BROKEN_TAG
    assert table["True", "equal"] >= 0.99 * sum(row["correct"] is True for row in chosen)
    wrong = {
        row["id"]
        for row, each in zip(chosen, right, strict=True)
        if row["correct"] is False and each.verdict is Equality.EQUAL
    }
    assert wrong <= BROKEN_TAG


def test_answers_of_other_models_are_those_that_were_predicted(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the data names a prediction, another answer is never taken; where the text breaks off, none need be."""
    chosen = [row for row in rows("other_models.jsonl") if row["predicted"]]
    found = [find(row["solution"]) for row in chosen]
    pairs = [(each.answer if each else "", str(row["predicted"])) for each, row in zip(found, chosen, strict=True)]
    with Verifier() as verifier:
        same = verifier.compare_all(pairs)
    table = Counter("none" if each is None else str(seen.verdict) for each, seen in zip(found, same, strict=True))
    with capsys.disabled():
        places = Counter(each.place for each in found if each)
        print(f"\nother models: places {places}; against predictions {dict(table)}")
    assert table["equal"] >= 0.9 * len(chosen)
    assert table["different"] <= 0.005 * len(chosen)
