"""The exports, read with the tools that people read them with."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import duckdb
import mlcroissant
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard

from tasks.publish import exports
from tasks.publish.writing import ROWS_OF_GROUP, Shards
from tests.tasks.publish.made import row
from tests.tasks.publish.test_publish_task import published

REPOSITORY = Path(__file__).parents[3]
COUNT = 30
ROWS = sorted((row(f"Find $x_{{{n}}}$ in ∑é.", str(n)) for n in range(COUNT)), key=lambda one: one["problem_id"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exports")
    storage, manifest = published(root, ROWS, held_out=0.2)
    return (Path(storage.base) / manifest.files["dataset"].name).parent


def loaded(folder: Path, export: str) -> Any:
    cache = folder.parent / "cache"
    return datasets.load_dataset(str(folder), export, cache_dir=str(cache))


def test_the_schema_is_that_of_deepmath_field_by_field(folder: Path) -> None:
    """https://huggingface.co/datasets/zwhe99/DeepMath-103K, features of the default configuration."""
    published_features = {
        "question": "string", "final_answer": "string", "difficulty": "float64", "topic": "string",
        "r1_solution_1": "string", "r1_solution_2": "string", "r1_solution_3": "string",
    }  # fmt: skip
    found = loaded(folder, "deepmath")["train"].features
    assert {name: feature.dtype for name, feature in found.items()} == published_features
    assert list(found) == list(published_features)
    for path in (folder / "deepmath").iterdir():
        assert pq.read_schema(path).equals(exports.DEEPMATH)


@pytest.mark.parametrize("export", ["deepmath", "rl", "sft", "full"])
def test_every_reader_sees_the_same_rows(folder: Path, export: str) -> None:
    files = sorted(str(path) for path in (folder / export).glob("train-*.parquet"))
    expected = pq.read_table(files[0]).to_pylist()
    assert loaded(folder, export)["train"].to_list() == expected
    assert pl.read_parquet(files).to_dicts() == expected
    assert len(pd.read_parquet(files[0])) == len(expected)
    first = next(iter(expected[0]))
    assert [one for (one,) in duckdb.read_parquet(files).select(first).fetchall()] == [one[first] for one in expected]
    streamed = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)
    assert next(iter(streamed)) == expected[0]


def test_a_row_of_each_form(folder: Path) -> None:
    data = {export: loaded(folder, export)["train"] for export in ("deepmath", "rl", "sft")}
    first = next(one for one in ROWS if one["bucket"] < 4096 * 0.8)
    assert data["deepmath"][0] == {
        "question": first["question"],
        "final_answer": first["final_answer"],
        "difficulty": 5.5,
        "topic": first["topic"],
        **{f"r1_solution_{i}": text for i, text in enumerate(first["solutions"], start=1)},
    }
    rl = data["rl"][0]
    assert rl["prompt"] == [{"role": "user", "content": first["question"]}]
    assert rl["solution"] == f"${first['final_answer']}$"
    assert rl["reward_model"] == {"style": "rule", "ground_truth": first["final_answer"]}
    assert rl["extra_info"] == {"split": "train", "index": first["problem_id"]}
    assert rl["answer_type"] == "number"
    assert len(data["sft"]) == 3 * len(data["rl"])
    assert [data["sft"][i]["messages"][1]["content"] for i in range(3)] == first["solutions"]
    assert [data["sft"][i]["solution"] for i in range(3)] == [1, 2, 3]


def test_held_out_rows_are_a_split_of_their_own(folder: Path) -> None:
    data = loaded(folder, "full")
    held_out = {one["problem_id"] for one in ROWS if one["bucket"] >= 4096 - round(0.2 * 4096)}
    assert set(data["test"]["problem_id"]) == held_out
    assert len(data["train"]) + len(data["test"]) == COUNT


def test_croissant_validates_and_reads_the_rows(folder: Path) -> None:
    described = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert not described.metadata.ctx.issues.errors
    texts = {one["deepmath/question"].decode() for one in described.records("deepmath")}
    assert texts == {one["question"] for one in ROWS}
    meta = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    named = {one["name"]: one["sha256"] for one in meta["distribution"] if one["@type"] == "cr:FileObject"}
    assert len(named) == 8
    for name, digest in named.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_the_hub_reads_the_cards_head(folder: Path) -> None:
    head = DatasetCard.load(folder / "README.md").data
    assert (head.license, head.language, head.size_categories) == ("cc-by-sa-4.0", ["en"], ["n<1K"])
    assert [one["config_name"] for one in head.to_dict()["configs"]] == ["deepmath", "rl", "sft", "full"]


def test_shards_end_with_the_row_group_that_fills_them(tmp_path: Path) -> None:
    frame = pl.DataFrame({"text": [hashlib.sha256(str(n).encode()).hexdigest() * 4 for n in range(4500)]})
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    with Shards(tmp_path, "x", "train", table.schema, bound=70_000) as writer:
        for start in range(0, 4500, 700):
            writer.write(table.slice(start, 700))
        files = writer.finish()
    assert [one.name for one in files] == [f"x/train-{n:05d}-of-{len(files):05d}.parquet" for n in range(len(files))]
    assert len(files) == 3
    assert pa.concat_tables([pq.read_table(one.local) for one in files]).to_pylist() == table.to_pylist()
    groups = [pq.ParquetFile(one.local).metadata for one in files]
    sizes = [meta.row_group(i).num_rows for meta in groups for i in range(meta.num_row_groups)]
    assert sizes == [ROWS_OF_GROUP] * 4 + [500]


WRITER = """
import hashlib, sys
from pathlib import Path
import polars as pl
from tasks.publish import exports
from tasks.publish.writing import Shards
rows = pl.DataFrame([{"question": f"Find {n}", "final_answer": "0", "difficulty_rounded": n / 2, "topic": "M -> A",
                      "solutions": [str(n), "b", "c"]} for n in range(5000)])
table = exports.table("deepmath", rows, "train")
with Shards(Path(sys.argv[1]), "deepmath", "train", table.schema, 1 << 28) as writer:
    writer.write(table)
    [file] = writer.finish()
print(file.digest)
"""


def test_the_same_rows_are_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for threads in ("1", "2")
    }
    assert len(digests) == 1
    assert "" not in digests


@pytest.mark.parametrize("export", ["deepmath", "rl", "sft", "full"])
def test_a_recipe_without_some_stages_has_the_same_forms_and_no_rows(export: Any) -> None:
    none = pl.DataFrame(schema={"problem_id": pl.String, "question": pl.String, "ratings": pl.List(pl.Float64)})
    found = exports.table(export, none, "train")
    assert found.num_rows == 0
    if export == "deepmath":
        assert found.schema.equals(exports.DEEPMATH)
