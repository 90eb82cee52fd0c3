"""The last look at every row, and the file that people get."""

import hashlib
import io
import os
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.publish.publishing import SCHEMA, check, parquet, released
from tasks.rows.verdict import Decision

REPOSITORY = Path(__file__).parents[3]


def row(identity: str, question: str = "Find $x$.", **other: Any) -> dict[str, Any]:
    return {
        "problem_id": identity,
        "question": question,
        "decontaminated_question": question,
        "final_answer": "0",
        "difficulty_rounded": 5.5,
        "topic": "Mathematics -> Precalculus -> Limits",
        "solutions": [f"<think>{identity}{n}</think>0" for n in range(3)],
        **other,
    }


def fates(*rows: dict[str, Any]) -> dict[str, str]:
    made: list[Decision] = check(rows)
    return {one["problem_id"]: str(d.reason or d.verdict) for one, d in zip(rows, made, strict=True)}


def test_a_whole_row_is_kept() -> None:
    assert fates(row("a")) == {"a": "keep"}
    assert check([]) == []


@pytest.mark.parametrize("checked", [None, "Find $x$. ", "find $x$.", "Another question"])
def test_a_question_that_was_rewritten_after_its_last_decontamination_is_set_aside(checked: str | None) -> None:
    assert fates(row("a", decontaminated_question=checked)) == {"a": "not_decontaminated"}


def test_a_row_that_was_never_decontaminated_is_set_aside() -> None:
    never = row("a")
    del never["decontaminated_question"]
    assert fates(never) == {"a": "not_decontaminated"}


@pytest.mark.parametrize(
    "lack",
    [
        {"final_answer": ""},
        {"final_answer": None},
        {"final_answer": "  "},
        {"topic": None},
        {"difficulty_rounded": None},
        {"solutions": None},
        {"solutions": []},
        {"solutions": ["a", "b"]},
        {"solutions": ["a", "b", "c", "d"]},
        {"solutions": ["a", "", "c"]},
        {"solutions": ["a", None, "c"]},
        {"question": "", "decontaminated_question": ""},
    ],
    ids=repr,
)
def test_a_row_with_an_empty_column_is_set_aside(lack: dict[str, Any]) -> None:
    assert fates({**row("a"), **lack}) == {"a": "incomplete"}


def test_a_difficulty_of_zero_is_no_lack() -> None:
    assert fates(row("a", difficulty_rounded=0.0)) == {"a": "keep"}


def test_of_equal_questions_the_least_identity_stays_whatever_the_order() -> None:
    rows = [row("b", "find  x"), row("a", "Find $x$."), row("c", "FIND x?"), row("d", "Find $y$.")]
    for order in permutations(rows):
        assert fates(*order) == {
            "a": "keep",
            "b": "duplicate_question",
            "c": "duplicate_question",
            "d": "keep",
        }


@pytest.mark.parametrize("lack", [{"topic": None}, {"decontaminated_question": "x"}])
def test_a_row_that_is_not_released_takes_no_other_with_it(lack: dict[str, Any]) -> None:
    found = fates(row("a", **lack), row("b"), row("c"))
    assert found["a"] != "keep"
    assert (found["b"], found["c"]) == ("keep", "duplicate_question")


ROWS = [row(f"{n:03d}", f"Find $x_{{{n}}}$ in ∑é.", difficulty_rounded=n / 2) for n in range(2500)]


def test_the_schema_is_that_of_deepmath() -> None:
    """https://huggingface.co/datasets/zwhe99/DeepMath-103K, features of the default configuration."""
    assert [(field.name, str(field.type)) for field in SCHEMA] == [
        ("question", "string"),
        ("final_answer", "string"),
        ("difficulty", "double"),
        ("topic", "string"),
        ("r1_solution_1", "string"),
        ("r1_solution_2", "string"),
        ("r1_solution_3", "string"),
    ]


def test_a_released_row_holds_what_the_stages_wrote() -> None:
    (found,) = released(ROWS[7:8]).to_pylist()
    assert found == {
        "question": "Find $x_{7}$ in ∑é.",
        "final_answer": "0",
        "difficulty": 3.5,
        "topic": "Mathematics -> Precalculus -> Limits",
        "r1_solution_1": "<think>0070</think>0",
        "r1_solution_2": "<think>0071</think>0",
        "r1_solution_3": "<think>0072</think>0",
    }


def test_the_file_loads_with_pyarrow_and_polars_row_by_row_in_order(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    path.write_bytes(parquet(released(ROWS)))
    with_pyarrow = pq.read_table(path)
    assert with_pyarrow.schema.equals(SCHEMA)
    assert not [field for field in with_pyarrow.schema if pa.types.is_large_string(field.type)]
    assert with_pyarrow.to_pylist() == pl.read_parquet(path).to_dicts() == released(ROWS).to_pylist()
    assert [pq.ParquetFile(path).metadata.row_group(i).num_rows for i in range(3)] == [1000, 1000, 500]


def test_a_data_set_of_no_rows_is_a_file_with_columns() -> None:
    assert pq.read_table(io.BytesIO(parquet(released([])))).schema.equals(SCHEMA)


WRITER = """
import hashlib
from tasks.publish.publishing import parquet, released
rows = [{"question": f"Find {n}", "final_answer": "0", "difficulty_rounded": n / 2, "topic": "M -> A",
         "solutions": [str(n), "b", "c"]} for n in range(5000)]
print(hashlib.sha256(parquet(released(rows))).hexdigest())
"""


def test_the_same_rows_are_the_same_bytes_in_every_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", WRITER],
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": threads, "PYTHONHASHSEED": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for threads in ("1", "2")
    }
    assert len(digests) == 1
    assert digests != {hashlib.sha256(b"").hexdigest()}
