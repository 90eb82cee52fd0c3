"""Publish as a task: shards are joined, the file lies under its manifest, and nothing is published twice."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import world
from tasks.publish.task import publish
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.problem import bucket, problem_id
from tasks.rows.shards import Shard, plan
from tasks.rows.storage import Storage
from tasks.rows.tables import table
from tasks.stage import PlannedStage
from tasks.world import Where

INTAKE = dict.fromkeys(("problem_id", "source", "licence", "question"), pl.String) | {"bucket": pl.Int64}
JUDGED = {
    **dict.fromkeys(
        ("problem_id", "verdict", "reason", "final_answer", "topic", "decontaminated_question"), pl.String
    ),
    "difficulty_rounded": pl.Float64,
    "solutions": pl.List(pl.String),
}
TEXTS = [*(f"What is ${n}!$?" for n in range(20)), "WHAT is $7!$", "incomplete", "dropped"]
MODELS = {"solver": "rehearsal/solver@1"}
PLANNED = PlannedStage(stage="publish", fingerprint="f" * 64, settings={})


def judged(text: str) -> dict[str, Any]:
    fate = {"verdict": "drop", "reason": "too_easy"} if text == "dropped" else {"verdict": "keep"}
    facts = {"final_answer": "" if text == "incomplete" else "1", "topic": "M -> A", "decontaminated_question": text}
    return {"problem_id": problem_id(text), **fate, **facts, "difficulty_rounded": 5.0, "solutions": ["a", "b", "c"]}


def chains(storage: Storage, count: int) -> tuple[list[Shard], list[list[Manifest]]]:
    """One intake, and one stage that has judged it in `count` shards."""

    def commit(
        stage: str, shard: str, upstream: str, rows: Sequence[Mapping[str, Any]], **tables: pl.DataFrame
    ) -> Manifest:
        return manifests.commit(
            storage, stage=stage, fingerprint=stage * 8, shard=shard, upstream=upstream, rows_in=len(rows),
            verdicts=table(rows, JUDGED), tables=tables,
        )  # fmt: skip

    rows = [(problem_id(text), text) for text in TEXTS]
    problems = [
        {"problem_id": one, "bucket": bucket(one), "question": text, "source": "forum", "licence": "MIT"}
        for one, text in rows
    ]
    seen = [{"problem_id": one, "verdict": "keep"} for one, _ in rows]
    intake = commit("collect", "intake", "genesis", seen, problems=table(problems, INTAKE))
    shards = plan(intake.digest, count)
    judgements = [
        commit(
            "judge",
            shard.name,
            intake.digest,
            [judged(t) for one, t in rows if shard.low <= bucket(one) < shard.high],
        )
        for shard in shards
    ]
    return shards, [[intake, one] for one in judgements]


def published(root: Path, count: int = 1, models: Mapping[str, str] = MODELS) -> tuple[Storage, Manifest]:
    storage = world.storage(str(root))
    shards, made = chains(storage, count)
    return storage, publish.fn(PLANNED, "demo", models, shards[::-1], made[::-1], Where(root=str(root), run="r"))


def test_kept_rows_are_released_and_every_row_has_a_fate(tmp_path: Path) -> None:
    storage, manifest = published(tmp_path)
    assert (manifest.rows_in, manifest.kept) == (22, 20)
    assert (manifest.dropped, manifest.quarantined) == ({"duplicate_question": 1}, {"incomplete": 1})
    file = manifest.files["dataset"]
    data = pl.read_parquet(storage.read(file.name))
    assert file.rows == data.height == 20
    assert data["question"].to_list() == sorted(data["question"], key=problem_id)
    folder = file.name.rsplit("/", 1)[0]
    assert folder.startswith("datasets/rehearsal-demo-")
    assert "| forum | MIT | 20 |" in storage.read(f"{folder}/README.md").decode()


@pytest.mark.parametrize("count", [2, 7, 100])
def test_the_data_set_is_the_same_whatever_the_shards(tmp_path: Path, count: int) -> None:
    one, first = published(tmp_path / "one")
    many, second = published(tmp_path / "many", count)
    assert second.files["dataset"] == first.files["dataset"]
    assert many.read(second.files["dataset"].name) == one.read(first.files["dataset"].name)


def test_publishing_again_writes_nothing(tmp_path: Path) -> None:
    storage, first = published(tmp_path)
    names = storage.list("")
    assert published(tmp_path)[1] == first
    assert storage.list("") == names


def test_the_same_rows_from_another_model_are_another_edition(tmp_path: Path) -> None:
    one = published(tmp_path, 1)[1]
    other = published(tmp_path, 2, {"solver": "rehearsal/solver@2"})[1]
    assert one.files["dataset"].digest == other.files["dataset"].digest
    assert one.files["dataset"].name != other.files["dataset"].name
