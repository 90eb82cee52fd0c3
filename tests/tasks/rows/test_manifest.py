"""A manifest is written last and once: what it counts adds up, and the first writer's word stands."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import ConservationError, StorageError
from tasks.rows import manifest as manifests
from tasks.rows.manifest import FileRef, Manifest
from tasks.rows.storage import Storage
from tasks.rows.table_file import TableWriter
from tasks.rows.tables import encode, table
from tasks.rows.verdict import Verdict

WHERE: dict[str, str] = {"stage": "screen", "fingerprint": "f" * 64, "shard": "shard-0", "upstream": "u" * 64}
VERDICTS = {"problem_id": pl.String, "verdict": pl.String, "reason": pl.String}
EVIDENCE = table([{"problem_id": "a", "key": "1"}], {"problem_id": pl.String, "key": pl.String})


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def verdicts(*fates: tuple[str, str | None]) -> pl.DataFrame:
    return table(
        ({"problem_id": f"{i:064x}", "verdict": one, "reason": reason} for i, (one, reason) in enumerate(fates)),
        VERDICTS,
    )


KEEP, DROP, ASIDE = ("keep", None), ("drop", "proof"), ("quarantine", "unreadable_reply")
FATES = verdicts(KEEP, DROP, KEEP, ASIDE, DROP, ("drop", "yes_no"))


def commit(storage: Storage, frame: pl.DataFrame = FATES, rows_in: int | None = None, **other: Any) -> Manifest:
    rows = frame.height if rows_in is None else rows_in
    return manifests.commit(storage, **{**WHERE, **other}, rows_in=rows, verdicts=frame, tables={"asked": EVIDENCE})


def test_every_fate_is_counted_by_its_reason(storage: Storage) -> None:
    made = commit(storage)
    assert (made.rows_in, made.kept) == (6, 2)
    assert made.dropped == {"proof": 2, "yes_no": 1}
    assert made.quarantined == {"unreadable_reply": 1}


def test_what_was_committed_is_found_and_read(storage: Storage) -> None:
    made = commit(storage)
    assert manifests.find(storage, **WHERE) == made
    assert manifests.find_all(storage, "screen", "f" * 64) == [made]
    assert manifests.read(storage, made).equals(FATES)
    assert manifests.read(storage, made, "asked", ["key"]).to_dicts() == [{"key": "1"}]
    assert {name: file.rows for name, file in made.files.items()} == {"verdicts": 6, "asked": 1}


@pytest.mark.parametrize("field", WHERE)
def test_another_stage_fingerprint_shard_or_upstream_is_not_done(storage: Storage, field: str) -> None:
    commit(storage)
    assert manifests.find(storage, **{**WHERE, field: "0" * 64}) is None


@pytest.mark.parametrize("rows_in", [5, 7])
def test_a_row_without_a_fate_or_too_many_fates_write_nothing(storage: Storage, rows_in: int) -> None:
    with pytest.raises(ConservationError, match=f"{rows_in} rows in"):
        commit(storage, rows_in=rows_in)
    assert storage.list("") == []


def test_an_unknown_verdict_is_no_fate(storage: Storage) -> None:
    with pytest.raises(ConservationError):
        commit(storage, verdicts(KEEP, ("maybe", None)))


def test_no_rows_are_a_finished_shard_too(storage: Storage) -> None:
    made = commit(storage, verdicts())
    assert (made.rows_in, made.kept, made.dropped, made.quarantined) == (0, 0, {}, {})
    assert manifests.find(storage, **WHERE) == made


def test_committing_again_changes_nothing(storage: Storage) -> None:
    first = commit(storage)
    names = storage.list("")
    second = commit(storage)
    assert second == first
    assert second.digest == first.digest
    assert storage.list("") == names


def test_a_second_writer_with_other_verdicts_gets_the_first_ones_word(storage: Storage) -> None:
    first = commit(storage)
    second = commit(storage, verdicts(KEEP))
    assert second == first
    assert manifests.find(storage, **WHERE) == first
    assert manifests.read(storage, first).equals(FATES)


def test_files_of_a_writer_that_died_before_its_manifest_count_as_nothing(storage: Storage) -> None:
    reference = Storage(f"{storage.root}/reference")
    whole = commit(reference)
    for file in whole.files.values():
        storage.create(file.name, reference.read(file.name))
    stale = verdicts(DROP)
    storage.create(f"{manifests.folder('screen', 'f' * 64, 'shard-0')}/verdicts-00.parquet", encode(stale))
    assert manifests.find(storage, **WHERE) is None
    assert manifests.find_all(storage, "screen", "f" * 64) == []
    assert commit(storage) == whole
    assert manifests.read(storage, whole).equals(FATES)


def test_a_file_that_is_not_what_was_committed_is_never_read(storage: Storage) -> None:
    made = commit(storage)
    path = Path(storage.base) / made.files["verdicts"].name
    path.write_bytes(encode(verdicts(KEEP, KEEP, KEEP, KEEP, KEEP, KEEP)))
    with pytest.raises(StorageError, match="digest"):
        manifests.read(storage, made)


def test_the_digest_leads_to_every_byte(storage: Storage) -> None:
    other_bytes = verdicts(KEEP, DROP, KEEP, ASIDE, DROP, ("drop", "yes_no")).with_columns(problem_id=pl.lit("x"))
    assert commit(storage).digest != commit(Storage(f"{storage.root}/other"), other_bytes).digest
    assert commit(storage).digest == commit(Storage(f"{storage.root}/equal")).digest


def test_files_that_lie_elsewhere_are_named(storage: Storage) -> None:
    elsewhere = FileRef(name="datasets/x/train.parquet", digest="d" * 64, rows=2)
    made = manifests.commit(storage, **WHERE, rows_in=6, verdicts=FATES, tables={}, also={"dataset": elsewhere})
    assert made.files["dataset"] == elsewhere


def test_verdicts_are_the_words_in_the_tables() -> None:
    assert [verdict.value for verdict in Verdict] == ["keep", "drop", "quarantine"]


def test_tables_that_memory_does_not_hold_are_committed_as_files(storage: Storage, tmp_path: Path) -> None:
    with TableWriter(tmp_path / "own.parquet", VERDICTS) as writer:
        writer.write(FATES)
        file = writer.finish()
    made = manifests.commit_files(
        storage, **WHERE, rows_in=6, fates=manifests.counts(FATES), tables={manifests.VERDICTS: file}
    )
    assert (made.kept, made.dropped) == (2, {"proof": 2, "yes_no": 1})
    assert manifests.find(storage, **WHERE) == made
    assert manifests.read(storage, made).equals(FATES)
    with pytest.raises(ConservationError):
        manifests.commit_files(
            storage, **{**WHERE, "shard": "s"}, rows_in=7, fates=manifests.counts(FATES), tables={"verdicts": file}
        )


def test_some_columns_of_a_large_table_are_those_of_the_whole(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = commit(storage)
    columns = ["verdict", "problem_id"]
    small = manifests.read(storage, made, columns=columns)
    monkeypatch.setattr(manifests, "ROWS_READ_WHOLE", 5)
    assert manifests.read(storage, made, columns=columns).equals(small)
    path = tmp_path / made.files["verdicts"].name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match="its digest differs"):
        manifests.read(storage, made, columns=columns)
