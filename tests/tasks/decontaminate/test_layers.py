"""Which layer finds a benchmark question that was changed: the table in tasks/decontaminate/README.md."""

import json
import re
from collections.abc import Callable
from importlib.resources import files

import pytest

from tasks.decontaminate.benchmarks import Benchmark, BenchmarkTable, tabulate
from tasks.decontaminate.neighbours import find
from tasks.decontaminate.proof import Proof
from tasks.decontaminate.settings import Settings

BENCHMARK = Benchmark(name="champ", path="champ.jsonl")


@pytest.fixture(scope="module")
def table() -> BenchmarkTable:
    raw = json.loads(files("champ_dataset").joinpath("dataset_files/v0.json").read_text(encoding="utf-8"))
    lines = [json.dumps({"question": problem["_text"]}) for problem in raw["problems"].values()]
    return tabulate([(BENCHMARK, "\n".join(lines[::3]).encode())])


def spelt_otherwise(text: str) -> str:
    return "Please, " + text.replace(r"\frac", r"\dfrac").replace(r"\leq", r"\le").replace("$", " $ ").upper().lower()


def reordered(text: str) -> str:
    return " ".join(reversed(re.split(r"(?<=[.?!])\s+(?=[A-Z])", text.strip())))


def renamed(text: str) -> str:
    """Other letters for variables: each the next but one."""
    return re.sub(r"(?<![A-Za-z'])[b-z](?![A-Za-z'])", lambda one: chr((ord(one.group()) - 96) % 25 + 98), text)


def with_other_numbers(text: str) -> str:
    return re.sub(r"\d+", lambda number: str(int(number.group()) + 7), text)


@pytest.mark.parametrize(
    ("change", "proof"),
    [
        (spelt_otherwise, {"exact", "signature"}),
        (reordered, {"exact", "signature"}),
        (renamed, {None}),
        (with_other_numbers, {"template", None}),
    ],
)
def test_what_proofs_leave_is_among_the_nearest(
    table: BenchmarkTable, change: Callable[[str], str], proof: set[str | None]
) -> None:
    changed = [(one, change(one.question)) for one in table.entries]
    given = [(one, text) for one, text in changed if text.strip() != one.question.strip()][:25]
    assert len(given) == 25
    rows = [{"original": text, "question": text} for _, text in given]
    proofs = []
    for (entry, text), near in zip(given, find(rows, table, Settings(benchmarks=(BENCHMARK,))), strict=True):
        own = [one["proof"] for one in near if one["benchmark_id"] == entry.benchmark_id]
        assert own, text
        proofs += own
    assert set(proofs) <= proof
    assert proofs.count(Proof.TEMPLATE) >= (20 if change is with_other_numbers else 0)
