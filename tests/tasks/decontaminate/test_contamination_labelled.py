"""Known contamination is found: public data, labelled elsewhere, not part of the repository."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tasks.decontaminate.benchmarks import Benchmark, load
from tasks.decontaminate.neighbours import find
from tasks.decontaminate.proof import SAME_PROBLEM, ProofIndex
from tasks.decontaminate.settings import Settings
from tasks.rows.normal_form import normal_form

DATA = Path(os.environ.get("LABELLED_DATA", Path(__file__).parents[4] / "shared" / "data"))

pytestmark = [
    pytest.mark.labelled,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no labelled data in {DATA}"),
]


def read(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def benchmark(name: str) -> Benchmark:
    return Benchmark(name=name, path=str(DATA / "benchmarks" / f"{name}.jsonl"))


def test_every_simplerl_row_from_the_math_test_set_is_proven_and_no_proof_is_false() -> None:
    test_set = read("benchmarks/math_test.jsonl")
    index = ProofIndex([row["question"] for row in test_set])
    for row in read("raw/simplerl_math_level3to5.jsonl"):
        found = [place for place, proof in index.find(row["question"]).items() if proof in SAME_PROBLEM]
        if row["in_math_test_5000"]:
            assert found, row["id"]
        for place in found:
            ours, theirs = (normal_form(one["answer"]).removeprefix("b=") for one in (row, test_set[place]))
            assert ours == theirs, (row["question"], test_set[place]["question"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_paraphrases_of_gsm8k_are_among_the_nearest() -> None:
    settings = Settings(benchmarks=(benchmark("gsm8k_test"),))
    table = load(settings.benchmarks, lambda path: Path(path).read_bytes())
    form = {normal_form(entry.question): entry.benchmark_id for entry in table.entries}
    pairs = [
        pair
        for pair in read("pairs/contamination.jsonl")
        if pair["label"] == "paraphrase" and normal_form(pair["benchmark_question"]) in form
    ][:300]
    assert len(pairs) == 300
    found = find([{"original": p["candidate"], "question": p["candidate"]} for p in pairs], table, settings)
    missed = [
        pair["candidate"]
        for pair, neighbours in zip(pairs, found, strict=True)
        if form[normal_form(pair["benchmark_question"])] not in [one["benchmark_id"] for one in neighbours]
    ]
    assert len(missed) <= 3, missed
