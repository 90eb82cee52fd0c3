"""Compaction changes where events lie and nothing else, whoever writes, reads, crashes or compacts meanwhile."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from tasks.errors import Absent, StorageError
from tasks.ledger import compaction
from tasks.ledger.compaction import ROW_GROUP, clean, commit, compact, merge
from tasks.ledger.contents import COMPACTED, CompactedFile, contents, following, newest
from tasks.ledger.events import SCHEMA, Asker, Event, segment
from tasks.ledger.log import LOG
from tasks.ledger.spend import By, events, outcomes, possibly_paid, spend
from tasks.ledger.store import ReplyStore
from tasks.rows.storage import Storage
from tasks.rows.tables import decode
from tests.tasks.ledger.test_log import REPOSITORY, WRITER

KEYS = [f"key {number}" for number in range(60)]


def attempt(number: int, at_ms: int | None = None) -> list[Event]:
    """Every tenth attempt has no outcome, every seventh ends in an error, the others in a reply."""
    asker = Asker(
        run="run", stage=f"stage {number % 3}", shard="s", problem_id=sha256(b"%d" % number).hexdigest(), role="role"
    )
    key = KEYS[number % len(KEYS)]
    at = number if at_ms is None else at_ms
    common: dict[str, Any] = {"attempt": f"{number:032x}", "key": key, "at_ms": at, "asker": asker, "model": "m@1"}
    common |= {"endpoint": "local", "sample": 0}
    intent = Event(kind="intent", request="{}", bound_microusd=number, **common)
    if number % 10 == 9:
        return [intent]
    end: dict[str, Any] = {"status": "reply", "body": f"body {number}", "microusd": number, "served_model": "m"}
    error: dict[str, Any] = {"status": "error", "error": ("timeout", "server")[number % 2], "body": ""}
    return [intent, Event(kind="outcome", **common, **(error if number % 7 == 6 else end))]


def write(storage: Storage, first: int, last: int) -> None:
    """One segment an attempt."""
    for number in range(first, last):
        storage.create(f"{LOG}/000-1000/{number:06d}.parquet", segment(attempt(number)))


def seen(storage: Storage) -> dict[str, Any]:
    """Whatever anybody can learn from a ledger."""
    log = events(storage)
    store = ReplyStore(storage)
    store.refresh()
    return {
        "spend": [spend(outcomes(log), by).to_dicts() for by in By if by is not By.SOURCE],
        "maybe": possibly_paid(log).sort("attempt").to_dicts(),
        "replies": store.get_many(KEYS),
        "count": len(store),
    }


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    root = str(tmp_path) if request.param == "local" else request.getfixturevalue("s3_root")()
    return Storage(root)


def whole(storage: Storage) -> pl.DataFrame:
    frames = [decode(data) for data in storage.read_all(contents(storage).names).values()]
    return pl.concat(frames).sort("attempt", "kind")


def test_every_event_and_every_answer_is_the_same_before_and_after(storage: Storage) -> None:
    write(storage, 0, 100)
    before, rows = seen(storage), whole(storage)
    done = compact(storage)
    assert (done.won, done.generation, done.segments) == (True, 1, 100)
    assert storage.list(LOG) == []
    assert len(storage.list("ledger")) <= 17
    assert before["count"] == len(before["replies"]) > 40
    assert seen(storage) == before
    assert whole(storage).equals(rows)
    assert whole(storage).schema == SCHEMA
    write(storage, 100, 130)
    later = seen(storage)
    assert compact(storage).generation == 2
    assert seen(storage) == later
    assert compact(storage) == compaction.Compaction(won=True, generation=2, segments=0)


def test_files_are_sorted_by_row_and_key_within_the_bucket_range_of_who_asked(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "ROW_GROUP", 4)
    write(storage, 0, 100)
    compact(storage)
    for file in newest(storage).files:
        rows = decode(storage.read(file.name))
        assert rows.equals(rows.sort("problem_id", "key", maintain_order=True))
        buckets = rows["problem_id"].str.head(3).str.to_integer(base=16)
        assert buckets.is_between(file.low, file.low + compaction.RANGE - 1).all()
        with storage.opened(file.name) as opened:
            footer = pq.read_metadata(opened)
        assert footer.num_row_groups == -(-file.rows // 4)
    assert ROW_GROUP <= 1024
    assert set(fresh(storage).get_many(KEYS)) == set(seen(storage)["replies"])


def fresh(storage: Storage) -> ReplyStore:
    store = ReplyStore(storage)
    store.refresh()
    return store


def test_killed_between_any_two_steps_nothing_changes_and_the_next_one_finishes(storage: Storage) -> None:
    write(storage, 0, 40)
    before = seen(storage)
    orphans = merge(storage, contents(storage))
    assert seen(storage) == before  # killed before its manifest
    made = merge(storage, contents(storage))
    assert commit(storage, made)
    assert len(storage.list(LOG)) == 40
    assert seen(storage) == before  # killed before any deletion
    for name in made.replaced[::2]:
        storage.delete(name)
    assert seen(storage) == before  # killed half way through the deletions
    clean(storage)
    assert seen(storage) == before
    left = set(storage.list("ledger"))
    assert left == {*(file.name for file in made.files), f"{COMPACTED}/00000001.json"}
    assert not left & {file.name for file in orphans.files}


def test_of_two_compactors_one_wins_and_the_other_leaves_no_trace(storage: Storage) -> None:
    write(storage, 0, 30)
    before = seen(storage)
    slow = merge(storage, contents(storage))
    write(storage, 30, 35)
    with_more = seen(storage)
    assert compact(storage).won
    assert with_more != before
    assert not commit(storage, slow)
    clean(storage)
    assert seen(storage) == with_more
    assert {file.name for file in slow.files}.isdisjoint(storage.list("ledger"))


def test_a_compactor_whose_input_vanishes_has_lost(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one runs whole between this one's look at the ledger and its reading."""
    write(storage, 0, 30)
    before = seen(storage)
    plain = contents

    def then_another_runs(found: Storage) -> Any:
        monkeypatch.setattr(compaction, "contents", plain)
        looked = plain(found)
        assert compact(found).won
        return looked

    monkeypatch.setattr(compaction, "contents", then_another_runs)
    assert compact(storage) == compaction.Compaction(won=False, generation=1, segments=0)
    assert seen(storage) == before


def test_a_store_that_knew_the_segments_follows_without_being_told(storage: Storage) -> None:
    write(storage, 0, 30)
    store = fresh(storage)
    wanted = store.get_many(KEYS)
    for first in (30, 60):
        stale = fresh(storage)
        stale_view = seen(storage)["replies"]
        compact(storage)
        assert stale.get_many(KEYS) == stale_view
        write(storage, first, first + 10)
    assert store.get_many(KEYS[:30]) == wanted
    store.refresh()
    assert store.get_many(KEYS) == fresh(storage).get_many(KEYS)


def test_what_this_process_wrote_while_the_store_listed_stays_known(storage: Storage) -> None:
    """Else a reply that is paid would be missed, and bought again."""
    write(storage, 0, 5)
    store = fresh(storage)
    compact(storage)
    plain = storage.list

    def list_then_write(prefix: str) -> list[str]:
        names = plain(prefix)
        if prefix == LOG:
            storage.list = plain  # type: ignore[method-assign]
            write(storage, 7, 8)
            store.add(f"{LOG}/000-1000/000007.parquet", attempt(7))
        return names

    storage.list = list_then_write  # type: ignore[method-assign]
    store.refresh()
    assert store.get(KEYS[7]) is not None


def test_a_reader_starts_again_when_a_segment_goes_away_beneath_it(storage: Storage) -> None:
    write(storage, 0, 20)
    before = events(storage).sort("attempt", "kind")
    looks: list[int] = []

    def read(found: Any) -> pl.DataFrame:
        looks.append(found.generation.number)
        if len(looks) == 1:
            compact(storage)
        return pl.concat([decode(data) for data in storage.read_all(found.names).values()])

    found = following(storage, read).sort("attempt", "kind")
    assert looks == [0, 1]
    assert found.select(before.columns).equals(before)


def test_what_no_generation_replaces_is_lost_and_said_to_be(storage: Storage) -> None:
    write(storage, 0, 20)
    compact(storage)
    storage.delete(newest(storage).files[0].name)
    with pytest.raises(Absent, match="compacted"):
        events(storage)
    with pytest.raises(StorageError):
        compact_with_new(storage)


def compact_with_new(storage: Storage) -> None:
    """Enough generations that the range of the lost file is merged again."""
    for first in range(20, 400, 40):
        write(storage, first, first + 40)
        compact(storage)


def test_ranges_with_many_small_files_are_merged_again(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for first in range(0, 400, 20):
        write(storage, first, first + 20)
        compact(storage)
    after = seen(storage)
    assert len(newest(storage).files) < 16 * 9
    untouched = Storage(str(tmp_path / "plain"))
    write(untouched, 0, 400)
    assert seen(untouched) == after


def test_long_texts_that_compress_well_are_not_merged_for_ever(tmp_path: Path) -> None:
    storage, row = Storage(str(tmp_path)), sha256(b"1").hexdigest()
    asker = Asker(run="run", stage="solve", shard="s", problem_id=row, role="solver")
    for number in range(24):  # each is half of a chunk
        one = Event(
            kind="outcome", status="reply", body=f"{number}" + "x" * (9 << 20), attempt=f"{number:032x}", at_ms=1,
            key=f"key {number}", asker=asker, model="m@1", endpoint="local", sample=0, microusd=1, served_model="m",
        )  # fmt: skip
        storage.create(f"{LOG}/000-1000/{number:06d}.parquet", segment([one]))
        if number % 2:
            compact(storage)
    files = newest(storage).files
    assert [file.texts > 16 << 20 for file in files] == [True] * 12
    assert [int(file.name.split("/")[2]) for file in files] == list(range(1, 13))  # each where it was first written
    assert max(file.bytes for file in files) < 1 << 20


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


def test_beside_a_writing_process_nothing_it_acknowledged_is_lost_or_doubled(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    storage = Storage(str(tmp_path))
    assert writer.stdout is not None
    acknowledged: list[str] = []
    generations = 0
    while generations < 4:
        acknowledged += [writer.stdout.readline().strip() for _ in range(300)]
        generations = compact(storage).generation
        assert set(acknowledged) <= set(events(storage)["key"])
    writer.kill()
    writer.wait()
    keys = whole(storage)["key"].to_list()
    assert len(keys) == len(set(keys))
    assert set(acknowledged) <= set(keys)


def test_the_earliest_reply_counts_wherever_it_lies(storage: Storage) -> None:
    write(storage, 1, 2)
    compact(storage)
    storage.create(f"{LOG}/x/early.parquet", segment(attempt(61, at_ms=0)))
    found: Callable[[], Any] = lambda: fresh(storage).get(KEYS[1])  # noqa: E731
    assert found().body == "body 61"
    compact(storage)
    assert found().body == "body 61"


@pytest.mark.parametrize(
    ("rows", "size", "texts", "merged"),
    [(10, 1000, 0, 8), (10, 1000, 9000, 8), (40_000, 1000, 0, 0), (10, 5 << 20, 6 << 20, 0), (10, 1000, 9 << 20, 0)],
)
def test_many_small_files_of_a_range_are_merged_and_one_that_a_chunk_fills_is_left_alone(
    rows: int, size: int, texts: int, merged: int
) -> None:
    files = [CompactedFile(name=f"{n}.parquet", low=256, rows=rows, bytes=size, texts=texts) for n in range(8)]
    other = CompactedFile(name="other.parquet", low=512, rows=1, bytes=1)
    assert sum(map(len, compaction._crowded([*files, other]))) == merged
    assert compaction._crowded(files[:7]) == []
