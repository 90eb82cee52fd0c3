"""How many answers can be guessed: of words, of files, and of rows that have been published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import world
from tasks.publish.release import Release
from tasks.publish.task import publish
from tasks.screen.guessable import MOST, Guessable, counted, main, words
from tasks.stage import PlannedStage
from tasks.world import Where
from tests.tasks.publish.made import row, through

WORDS = ["Yes", "no.", r"\text{True}", r"$\textbf{False}$", "Yes, because it converges", "TRUE"]
LETTERS = ["A", "(C)", r"\text{B}", "$D$", r"\mathrm{E}", "A and C", "B, D", r"\text{(F)},"]
OTHERS = ["e", "a", "2", "No solution", r"\mathbb{C}", "A = 3", "I", "None", "north", "AB", "true north", None]
HOSTILE = ["(" * 100_000, "A" + "(," * 100_000 + "z", "A " + "( " * 100_000]
"""Each takes a pattern with two ways to read a bracket minutes."""


def test_words_and_letters_are_told_from_answers_that_look_like_them() -> None:
    answers = [*WORDS, *LETTERS, *OTHERS, *HOSTILE]
    assert counted(answers) == Guessable(rows=len(answers), yes_no=len(WORDS), option=len(LETTERS))
    assert [one for one in OTHERS if counted([one]).share] == []


def test_counts_add_up_and_are_told() -> None:
    found = counted(WORDS) + counted(OTHERS) + counted([])
    assert found == counted([*WORDS, *OTHERS])
    assert words(found) == (
        "6 of 18 final answers (33.33%) can be guessed: 6 yes or no, true or false, 0 the letter of an option."
    )
    assert words(counted([])).startswith("0 of 0 final answers (0.00%)")


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_the_command_reads_what_data_sets_are_kept_in(
    tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"rows.{ending}"
    rows = pl.DataFrame({"final_answer": ["Yes", "B", "7", "8"]})
    rows.write_parquet(path) if ending == "parquet" else rows.write_ndjson(path)
    assert main([str(path), "--column", "final_answer"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rows": 4, "yes_no": 1, "option": 1, "share": 0.5}


@pytest.mark.labelled
@pytest.mark.parametrize(("name", "low", "high"), [("deepmath_sample", 0.15, 0.3), ("math_train", 0, MOST)])
def test_deepmaths_own_rows_can_be_guessed_as_often_as_its_audit_says_and_maths_seldom(
    labelled_data: Path, name: str, low: float, high: float
) -> None:
    rows = pl.read_ndjson(labelled_data / "raw" / f"{name}.jsonl")
    print(f"{name}: {words(counted(rows['answer']))}")
    assert low <= counted(rows["answer"]).share <= high


def _released(root: Path, rows: list[dict[str, Any]]) -> tuple[Guessable, str]:
    """Of the published rows, and the card that lies beside them."""
    storage = world.storage(str(root))
    shards, chains = through(storage, rows, 2)
    planned = PlannedStage(stage="publish", fingerprint="f" * 64, settings={})
    release = Release(recipe="r", models={"solver": "m@1"})
    manifest = publish.fn(planned, release, shards, chains, Where(root=str(root), run="r"))
    file = manifest.files["dataset/deepmath/train-00000-of-00001.parquet"].name
    answers = pl.read_parquet(storage.read(file))["final_answer"]
    return counted(answers), storage.read(manifest.files["dataset"].name).decode()


@pytest.mark.labelled
def test_rows_like_deepmaths_are_released_without_those_that_can_be_guessed(
    labelled_data: Path, tmp_path: Path
) -> None:
    sample = pl.read_ndjson(labelled_data / "raw" / "deepmath_sample.jsonl").unique("question", maintain_order=True)
    found, card = _released(
        tmp_path, [row(one["question"], one["answer"], answer_type=None) for one in sample.to_dicts()]
    )
    assert found.rows > sample.height / 2
    assert found.share <= MOST
    assert words(found) in card


def test_what_is_released_all_the_same_stands_in_the_card(tmp_path: Path) -> None:
    """A letter that a model calls an expression, which may be a quantity's name."""
    rows = [row(f"What is ${n}!$?", str(n)) for n in range(9)]
    found, card = _released(tmp_path, [*rows, row("Which letter names the area?", "A", answer_type="expression")])
    assert found == Guessable(rows=10, yes_no=0, option=1)
    assert words(found) in card
