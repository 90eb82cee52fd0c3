"""From manifests back to rows: kept rows only, the last question, and no column of somebody else's."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from tasks.errors import ConservationError, CurationError
from tasks.rows import chain as chains
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.problem import BUCKETS, bucket, problem_id
from tasks.rows.shards import Shard, plan
from tasks.rows.storage import Storage
from tasks.rows.tables import table

TEXTS = [f"What is ${i}+{i}$?" for i in range(40)]
WHOLE = Shard(intake="0" * 64, low=0, high=BUCKETS)
Row = Mapping[str, Any]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def commit(
    storage: Storage,
    stage: str,
    upstream: str,
    rows: Sequence[Row],
    columns: Mapping[str, Any],
    **tables: pl.DataFrame,
) -> Manifest:
    schema = {"problem_id": pl.String, "verdict": pl.String, "reason": pl.String, **columns}
    return manifests.commit(
        storage,
        stage=stage,
        fingerprint=stage * 8,
        shard=WHOLE.name,
        upstream=upstream,
        rows_in=len(rows),
        verdicts=table(({"verdict": "keep", "reason": None, **row} for row in rows), schema),
        tables=tables,
    )


@pytest.fixture
def intake(storage: Storage) -> Manifest:
    problems = [
        {"problem_id": problem_id(text), "bucket": bucket(problem_id(text)), "question": text, "original": text}
        for text in TEXTS
    ]
    schema = {"problem_id": pl.String, "bucket": pl.Int64, "question": pl.String, "original": pl.String}
    ids = [{"problem_id": row["problem_id"]} for row in problems]
    return commit(storage, "collect", "genesis", ids, {}, problems=table(problems, schema))


def screened(storage: Storage, intake: Manifest, columns: Mapping[str, Any] | None = None, **own: Any) -> Manifest:
    """A stage that drops every fourth row and rewrites the others."""
    rows = [
        {"problem_id": problem_id(text), "verdict": "drop", "reason": "proof"}
        if i % 4 == 0
        else {"problem_id": problem_id(text), "question": f"Rewritten: {text}", **own}
        for i, text in enumerate(TEXTS)
    ]
    return commit(storage, "screen", intake.digest, rows, {"question": pl.String, **(columns or {})})


def test_the_first_stage_gets_the_collected_rows_sorted(storage: Storage, intake: Manifest) -> None:
    rows = chains.rows(storage, WHOLE, [intake])
    assert rows["problem_id"].to_list() == sorted(problem_id(text) for text in TEXTS)
    assert sorted(rows["question"]) == sorted(TEXTS)


def test_shards_together_hold_every_row_once(storage: Storage, intake: Manifest) -> None:
    parts = [chains.rows(storage, shard, [intake]) for shard in plan(intake.digest, 7)]
    assert pl.concat(parts)["problem_id"].to_list() == sorted(problem_id(text) for text in TEXTS)
    assert len([part for part in parts if part.height]) > 1


def test_only_kept_rows_go_on_with_the_last_question_and_the_original(storage: Storage, intake: Manifest) -> None:
    rows = chains.rows(storage, WHOLE, [intake, screened(storage, intake, {"kind": pl.String}, kind="number")])
    assert rows.height == 30
    assert all(row["question"] == f"Rewritten: {row['original']}" for row in rows.to_dicts())
    assert set(rows["kind"]) == {"number"}
    assert {"verdict", "reason"}.isdisjoint(rows.columns)


def test_a_stage_may_not_write_a_column_of_anothers(storage: Storage, intake: Manifest) -> None:
    first = screened(storage, intake)
    kept = [{"problem_id": problem_id(text), "rating": 5.0} for i, text in enumerate(TEXTS) if i % 4]
    rate = commit(storage, "rate", first.digest, kept, {"rating": pl.Float64})
    assert chains.rows(storage, WHOLE, [intake, first, rate])["rating"].to_list() == [5.0] * 30
    clash = commit(storage, "solve", rate.digest, kept, {"rating": pl.Float64})
    with pytest.raises(CurationError, match=r"solve writes column 'rating', which belongs to stage rate"):
        chains.rows(storage, WHOLE, [intake, first, rate, clash])


def test_collected_columns_are_collects_own(storage: Storage, intake: Manifest) -> None:
    clash = screened(storage, intake, {"original": pl.String}, original="forged")
    with pytest.raises(CurationError, match="'original', which belongs to stage collect"):
        chains.rows(storage, WHOLE, [intake, clash])


def test_a_stage_that_runs_twice_overwrites_its_own_columns(storage: Storage, intake: Manifest) -> None:
    rows = [{"problem_id": problem_id(text), "nearest": "first"} for text in TEXTS]
    first = commit(storage, "decontaminate", intake.digest, rows, {"nearest": pl.String})
    again = [{**row, "nearest": "second"} for row in rows]
    second = commit(storage, "decontaminate", first.digest, again, {"nearest": pl.String})
    assert set(chains.rows(storage, WHOLE, [intake, first, second])["nearest"]) == {"second"}


def test_a_kept_row_that_the_chain_does_not_hold_is_not_lost_in_silence(storage: Storage, intake: Manifest) -> None:
    stranger = commit(
        storage, "screen", intake.digest, [{"problem_id": "f" * 64, "question": "?"}], {"question": pl.String}
    )
    with pytest.raises(ConservationError, match="kept 1 rows, but 0"):
        chains.rows(storage, WHOLE, [intake, stranger])


def test_a_shard_reads_only_the_row_groups_of_its_own_problems(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six row groups of 8,192: a shard that is a twelfth of the buckets is in one of them, or in two."""
    ids = sorted(problem_id(str(i)) for i in range(6 * 8192))
    frame = pl.DataFrame({"problem_id": ids}).with_columns(question=pl.lit("?"), bucket=pl.lit(0))
    seen = frame.select("problem_id", verdict=pl.lit("keep"), reason=pl.lit(None, pl.String))
    manifest = manifests.commit(
        storage, stage="collect", fingerprint="f" * 64, shard="all", upstream="g", rows_in=len(ids),
        verdicts=seen, tables={"problems": frame},
    )  # fmt: skip
    fetched: list[int] = []
    read = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda self, group, *more: fetched.append(group) or read(self, group, *more)
    )
    parts = []
    for shard in plan(manifest.digest, 12):
        fetched.clear()
        parts.append(chains.rows(storage, shard, [manifest])["problem_id"])
        assert len(fetched) <= 2
    assert pl.concat(parts).to_list() == ids
