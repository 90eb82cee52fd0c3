"""Extraction against 300 solutions that were read one by one, and are not part of the project."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tasks.verify.extract import final_answer

FOLDER = Path(os.environ.get("LABELLED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "solutions"
READ = Path(__file__).with_name("read_solutions.txt")
KNOWN_MISSES = {
    **dict.fromkeys(("oth-1593", "oth-1626", "oth-1700"), "where the answer belongs stands a sentence about it"),
    "oth-678": "an empty box behind a sentence that is the answer",
}
pytestmark = [
    pytest.mark.labelled,
    pytest.mark.skipif(not FOLDER.exists(), reason=f"no labelled data at {FOLDER}"),
]


def test_the_answer_that_was_read_is_the_one_that_is_found() -> None:
    lines = [line.split() for line in READ.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    read = dict(lines)
    solutions = {
        row["id"]: row["solution"]
        for name in ("r1.jsonl", "other_models.jsonl")
        for row in map(json.loads, (FOLDER / name).read_text(encoding="utf-8").splitlines())
    }
    assert len(read) == 300
    assert {one for one, digest in read.items() if digest != _digest(final_answer(solutions[one]))} == set(
        KNOWN_MISSES
    )


def _digest(answer: str | None) -> str:
    return "none" if answer is None else hashlib.sha256(answer.encode()).hexdigest()[:12]
