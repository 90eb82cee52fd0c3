"""What the evaluation prints, on pairs whose outcome is known, with the rehearsal's judge behind a real server."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.services import rehearsal
from tasks.decontaminate import evaluate
from tasks.decontaminate.proof import Proof
from tasks.decontaminate.scoring import Seen, checked, score
from tasks.errors import SourceError

PAIRS = [
    ("same", "Find  the sum of 3 and 4 and 5.", "Find the sum of 3 and 4 and 5."),
    ("same", "Anna has 7 pens. Bob has 9 books. How many?", "Bob has nine books. Anna has 7 pens. How many?"),
    ("paraphrase", "A train of 12 cars goes 40 miles an hour. How far in 3 hours?",
     "How far does a train with 12 cars get in 3 hours at 40 miles an hour?"),
    ("similar-but-different", "Anna buys 3 pens for 2 dollars each.", "Anna buys 4 pens for 7 dollars each."),
    ("unrelated", "Integrate x squared from 0 to 1.", "How many primes are below 50?"),
]  # fmt: skip


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    lines = [
        {"id": f"p{i}", "label": label, "candidate": one, "benchmark_question": other, "kind": f"kind {i % 2}"}
        for i, (label, one, other) in enumerate(PAIRS)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert evaluate.main(list(arguments)) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_proofs_alone_need_no_model(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "--pairs", str(pairs))["all"]["all"]
    assert found["pairs"] == {"same": 2, "paraphrase": 1, "similar-but-different": 1, "unrelated": 1}
    proofs = found["proofs"]
    assert (proofs["recall"], proofs["recall of exact match alone"]) == (0.6667, 0.3333)
    assert proofs["false"] == {"similar-but-different": 0.0, "unrelated": 0.0}
    assert proofs["one template"]["similar-but-different"] == 1.0
    assert "stage" not in found
    assert "retrieval recall" not in found


def test_the_whole_stage_with_a_judge_is_measured_and_paid_once(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with rehearsal(tmp_path / "journal.jsonl") as address:
        command = ["--pairs", str(pairs), "--judge", "rehearsal/judge", "--root", str(tmp_path / "root")]
        found = printed(capsys, *command, "--address", address)
        asked = (tmp_path / "journal.jsonl").read_text(encoding="utf-8").count("\n")
        assert printed(capsys, *command, "--address", address) == found
        assert (tmp_path / "journal.jsonl").read_text(encoding="utf-8").count("\n") == asked
        together = printed(capsys, *command, "--address", address, "--first", "together", "--orders", "one")
        assert together["all"]["all"]["stage"] == found["all"]["all"]["stage"]
        assert (tmp_path / "journal.jsonl").read_text(encoding="utf-8").count("\n") == asked + 3
    stage = found["all"]["all"]["stage"]
    assert asked == 6  # three pairs in both orders; two are proven
    assert (stage["recall"], stage["false"], stage["quarantined"], stage["never asked"]) == (1.0, 0.0, 0.0, 0.4)
    assert set(found["by kind"]) == {"kind 0", "kind 1"}


def test_retrieval_ranks_the_questions_of_a_folder(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    own = {"question": "A train of 12 cars goes 40 miles an hour. How far in 3 hours?"}
    (folder / "some.jsonl").write_text(json.dumps(own) + "\n", encoding="utf-8")
    recall = printed(capsys, "--pairs", str(pairs), "--benchmarks", str(folder))["all"]["all"]["retrieval recall"]
    assert recall == {"at 1": 1.0, "at 5": 1.0, "at 10": 1.0, "at 20": 1.0}


def test_the_rank_counts_questions_that_are_nearer() -> None:
    labelled = [{"label": "same", "candidate": "", "benchmark_question": ""}] * 4
    seen = [Seen(proof=None, rank=rank) for rank in (0, 4, 5, None)]
    recall = score(labelled, seen, retrieved=True)["retrieval recall"]
    assert recall == {"at 1": 0.25, "at 5": 0.5, "at 10": 0.75, "at 20": 0.75}


def test_a_false_proof_is_counted_where_it_belongs() -> None:
    labelled = [{"label": "unrelated", "candidate": "", "benchmark_question": ""}] * 2
    found = score(labelled, [Seen(proof=Proof.SIGNATURE), Seen(proof=Proof.TEMPLATE)], retrieved=False)
    assert found["proofs"]["false"] == {"similar-but-different": None, "unrelated": 0.5}
    assert found["proofs"]["recall"] is None


def test_what_is_no_pair_is_named() -> None:
    with pytest.raises(SourceError, match=r"pair 2.*'equal'"):
        checked([{"label": "same", "candidate": "", "benchmark_question": ""}, {"label": "equal"}])
