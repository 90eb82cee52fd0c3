"""Known contamination is found: public data, labelled elsewhere, not part of the repository."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flows.services import rehearsal
from tasks.decontaminate import evaluate
from tasks.decontaminate.proof import SAME_PROBLEM, ProofIndex
from tasks.decontaminate.scoring import REPEATS
from tasks.rows.fingerprint import digest
from tasks.rows.normal_form import normal_form

pytestmark = pytest.mark.labelled


def read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def in_english(labelled_data: Path) -> list[dict[str, Any]]:
    pairs = read(labelled_data / "pairs/contamination.jsonl")
    return [pair for pair in pairs if pair["kind"] != "translation_zh"]


def drawn(pairs: Iterable[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    """Always the same; the file's order has a beat, because a question's variants follow each other."""
    return sorted(pairs, key=lambda pair: digest(pair["id"]))[:count]


@pytest.fixture
def figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Mapping[str, Any]]:
    """What the command prints of all pairs that it is given."""

    def of(pairs: Iterable[Mapping[str, Any]], *options: str) -> Mapping[str, Any]:
        path = tmp_path / "pairs.jsonl"
        path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
        assert evaluate.main(["--pairs", str(path), *options]) == 0
        found: Mapping[str, Any] = json.loads(capsys.readouterr().out)["all"]["all"]
        return found

    return of


def test_every_simplerl_row_from_the_math_test_set_is_proven_and_no_proof_is_false(labelled_data: Path) -> None:
    test_set = read(labelled_data / "benchmarks/math_test.jsonl")
    index = ProofIndex([row["question"] for row in test_set])
    flagged, others = 0, 0
    for row in read(labelled_data / "raw/simplerl_math_level3to5.jsonl"):
        found = [place for place, proof in index.find(row["question"]).items() if proof in SAME_PROBLEM]
        assert found or not row["in_math_test_5000"], row["id"]
        flagged += row["in_math_test_5000"]
        others += bool(found) and not row["in_math_test_5000"]
        for place in found:
            ours, theirs = (normal_form(one["answer"]).removeprefix("b=") for one in (row, test_set[place]))
            assert ours == theirs, (row["question"], test_set[place]["question"])
    assert (flagged, others) == (2936, 4)


def test_proofs_find_what_they_promise_on_the_half_that_nothing_was_fitted_on(
    labelled_data: Path, figures: Callable[..., Mapping[str, Any]]
) -> None:
    found = figures(in_english(labelled_data), "--split", "held-out")["proofs"]
    assert found["recall"] >= 0.15 > found["recall of exact match alone"]
    assert found["false"]["similar-but-different"] <= 0.002
    assert found["false"]["unrelated"] == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_repeats_a_question_has_it_among_its_nearest_five(
    labelled_data: Path, tmp_path: Path, figures: Callable[..., Mapping[str, Any]]
) -> None:
    """300 pairs among GSM8K's questions; all pairs among all benchmarks' take a quarter of an hour."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "gsm8k.jsonl").symlink_to(labelled_data / "benchmarks/gsm8k_test.jsonl")
    repeats = [pair for pair in in_english(labelled_data) if pair["label"] in REPEATS]
    recall = figures(drawn(repeats, 300), "--benchmarks", str(folder), "--embedder", '{"batch": 32}')[
        "retrieval recall"
    ]
    assert recall["at 5"] >= 0.999


@pytest.mark.slow
def test_the_rehearsed_judge_is_worth_looking_at(
    labelled_data: Path, tmp_path: Path, figures: Callable[..., Mapping[str, Any]]
) -> None:
    with rehearsal(tmp_path / "journal.jsonl") as address:
        judge = ["--judge", "rehearsal/judge", "--address", address, "--root", str(tmp_path / "root")]
        stage = figures(drawn(in_english(labelled_data), 800), *judge)["stage"]
    assert stage["F1"] >= 0.8
    assert stage["false"] <= 0.05
