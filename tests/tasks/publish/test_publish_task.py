"""Publish as a task: shards are joined, files lie under their manifest, nothing is published twice or half."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import world
from tasks.errors import GateRefused
from tasks.ledger.store import StoredReply
from tasks.publish import reading
from tasks.publish.culprits import other_than_stored
from tasks.publish.release import Release
from tasks.publish.task import publish
from tasks.rows.manifest import Manifest
from tasks.rows.problem import problem_id
from tasks.rows.storage import Storage
from tasks.stage import PlannedStage
from tasks.world import Where
from tests.tasks.publish.made import row, through

RELEASE = Release(recipe="demo", models={"solver": "rehearsal/solver@1"}, prompts={"rate/prompt.md": "Rate it."})
ROWS = [row(f"What is ${n}!$?", str(n)) for n in range(20)]
MORE = [row("WHAT is $7!$", "7"), row("incomplete", topic=None)]


def published(
    root: Path, rows: Sequence[Mapping[str, Any]] = (*ROWS, *MORE), count: int = 1, release: Release = RELEASE,
    **settings: Any,
) -> tuple[Storage, Manifest]:  # fmt: skip
    storage = world.storage(str(root))
    shards, made = through(storage, rows, count)
    planned = PlannedStage(stage="publish", fingerprint="f" * 64, settings=settings)
    return storage, publish.fn(planned, release, shards[::-1], made[::-1], Where(root=str(root), run="r"))


def files(storage: Storage) -> dict[str, bytes]:
    return {name: storage.read(name) for name in storage.list("datasets")}


def data_files(storage: Storage) -> dict[str, bytes]:
    """The tables alone: a card tells of intakes, too."""
    return {name: data for name, data in files(storage).items() if name.endswith(".parquet")}


def test_kept_rows_are_released_and_every_row_has_a_fate(tmp_path: Path) -> None:
    storage, manifest = published(tmp_path)
    assert (manifest.rows_in, manifest.kept) == (22, 20)
    assert (manifest.dropped, manifest.quarantined) == ({"duplicate_question": 1}, {"incomplete": 1})
    card = manifest.files["dataset"]
    assert card.rows == 20
    folder = card.name.removesuffix("/README.md")
    assert folder.startswith("datasets/rehearsal-demo-")
    data = pl.read_parquet(storage.read(f"{folder}/deepmath/train-00000-of-00001.parquet"))
    assert data["question"].to_list() == sorted((one["question"] for one in ROWS), key=problem_id)
    assert "| forum | CC-BY-SA-4.0 | 20 |" in storage.read(card.name).decode()
    assert {name.removeprefix(f"{folder}/").split("/")[0] for name in storage.list(folder)} == {
        *("README.md", "croissant.json", "recipe.json", "requirements.lock", "prompts"),
        *("deepmath", "rl", "sft", "full"),
    }
    assert storage.read(f"{folder}/prompts/rate/prompt.md") == b"Rate it."


@pytest.mark.parametrize("count", [2, 30])
def test_the_data_set_is_the_same_whatever_the_shards(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = published(tmp_path / "one")
    monkeypatch.setattr(reading.joined, "__kwdefaults__", {"rows_at_once": 3})
    many, _ = published(tmp_path / "many", count=count)
    assert files(many) == files(one)


@pytest.mark.parametrize(("first", "second"), [(4, 1), (1, 4), (4, 3), (5, 5)])
@pytest.mark.parametrize("rows_at_once", [3, 2000])
def test_the_data_set_is_the_same_of_two_intakes_whatever_the_shards_of_each(
    tmp_path: Path, first: int, second: int, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = published(tmp_path / "one")
    monkeypatch.setattr(reading.joined, "__kwdefaults__", {"rows_at_once": rows_at_once})
    root = tmp_path / "two"
    storage, rows = world.storage(str(root)), [*ROWS, *MORE]
    shards, made = through(storage, rows[::2], first)
    later, made_later = through(storage, rows[1::2], second, intake_name="later")
    planned = PlannedStage(stage="publish", fingerprint="f" * 64, settings={})
    publish.fn(planned, RELEASE, [*shards, *later], [*made, *made_later], Where(root=str(root), run="r"))
    assert data_files(storage) == data_files(one)


def test_publishing_again_writes_nothing(tmp_path: Path) -> None:
    storage, first = published(tmp_path)
    names = storage.list("")
    assert published(tmp_path)[1] == first
    assert storage.list("") == names


def test_the_same_rows_from_another_model_are_another_edition(tmp_path: Path) -> None:
    other = RELEASE.model_copy(update={"models": {"solver": "rehearsal/solver@2"}})
    one, second = published(tmp_path / "one")[1], published(tmp_path / "two", release=other)[1]
    name = "dataset/deepmath/train-00000-of-00001.parquet"
    assert one.files[name].digest == second.files[name].digest
    assert one.files["dataset"].name != second.files["dataset"].name


def test_held_out_rows_are_those_of_the_last_buckets(tmp_path: Path) -> None:
    storage, manifest = published(tmp_path, held_out=0.25, exports=("full", "sft"))
    rows = {
        split: pl.read_parquet(storage.read(manifest.files[f"dataset/full/{split}-00000-of-00001.parquet"].name))
        for split in ("train", "test")
    }
    assert rows["train"]["bucket"].max() < 3072 <= rows["test"]["bucket"].min()
    assert rows["train"].height + rows["test"].height == 20
    assert set(rows["test"]["split"]) == {"test"}
    card = storage.read(manifest.files["dataset"].name).decode()
    assert "path: full/test-*.parquet" in card and "deepmath/" not in card


def test_a_full_row_holds_its_neighbours_and_what_was_asked_for_it(tmp_path: Path) -> None:
    storage, manifest = published(tmp_path, count=3)
    full = pl.read_parquet(storage.read(manifest.files["dataset/full/train-00000-of-00001.parquet"].name))
    for one in full.iter_rows(named=True):
        assert [near["benchmark_id"] for near in one["decontaminate_neighbours"]] == ["b0", "b1", "b2", "b3", "b4"]
        assert [asked["stage"] for asked in one["requests"]] == ["rate"] * 3 + ["solve"] * 3
        assert sum(asked["microusd"] for asked in one["requests"]) == 60
        assert all(len(asked["key"]) == 64 for asked in one["requests"])


@pytest.mark.parametrize(
    "change",
    [
        {"final_answer": "99"},
        {"solutions": [r"$\boxed{99}$"] * 3},
        {"question": "What is $9!$ now?"},
    ],
    ids=repr,
)
def test_a_row_that_was_changed_since_it_was_verified_is_named_and_nothing_is_published(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    changed = {**ROWS[9], **change}
    with pytest.raises(GateRefused, match=changed["problem_id"]):
        published(tmp_path, [*ROWS[:9], changed, *ROWS[10:]], count=2)
    assert not world.storage(str(tmp_path)).list("datasets")
    assert not world.storage(str(tmp_path)).list("stages/publish")


def test_a_file_that_was_changed_is_named(tmp_path: Path) -> None:
    storage = world.storage(str(tmp_path))
    shards, made = through(storage, ROWS, 2)
    file = Path(storage.base) / made[1][4].files["verdicts"].name
    pl.read_parquet(file).with_columns(solver_model=pl.lit("another")).write_parquet(file)
    planned = PlannedStage(stage="publish", fingerprint="f" * 64, settings={})
    with pytest.raises(GateRefused, match=file.name):
        publish.fn(planned, RELEASE, shards, made, Where(root=str(tmp_path), run="r"))


def test_sources_whose_licences_forbid_each_other_are_not_published(tmp_path: Path) -> None:
    other = row("What is it?", "3", licence="CC-BY-NC-4.0")
    with pytest.raises(GateRefused, match=r"cc-by-nc-4\.0 and cc-by-sa-4\.0"):
        published(tmp_path, [*ROWS, other])
    assert not world.storage(str(tmp_path)).list("datasets")


def test_a_pool_without_rows_is_a_data_set_without_rows(tmp_path: Path) -> None:
    storage, manifest = published(tmp_path, [])
    assert manifest.kept == 0
    data = pl.read_parquet(storage.read(manifest.files["dataset/deepmath/train-00000-of-00001.parquet"].name))
    assert (data.height, data.width) == (0, 7)


def stored(key: str, content: str, reasoning: str = "") -> StoredReply:
    message = {"role": "assistant", "content": content, "reasoning": reasoning}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "model": "m"}
    return StoredReply(key=key, body=json.dumps(body), microusd=0)


def test_of_a_changed_file_the_rows_are_found_by_the_replies_that_were_bought() -> None:
    thought = "<think>\nBecause.\n</think>\n\nIt is \\boxed{1}."
    rows = [
        {"problem_id": "as bought", "solutions": [thought, "\\boxed{1}"], "solution_keys": ["a", "b"]},
        {"problem_id": "changed", "solutions": [thought.replace("Because", "Perhaps")], "solution_keys": ["a"]},
        {"problem_id": "not stored", "solutions": ["anything"], "solution_keys": ["c"]},
    ]
    whole = stored("a", "<think>\nBecause.\n</think>\n\nIt is \\boxed{1}.")
    apart = stored("a", "It is \\boxed{1}.", "Because.")
    for first in (whole, apart):
        found = dict(other_than_stored(rows, {"a": first, "b": stored("b", "\\boxed{1}")}))
        assert list(found) == ["changed"]
