"""The log in parts adds up to the log as a whole, wherever its events lie."""

import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.ledger import compaction
from tasks.ledger import fold as folds
from tasks.ledger.compaction import compact
from tasks.ledger.events import Asker, Event, segment
from tasks.ledger.fold import fold
from tasks.ledger.log import LOG
from tasks.ledger.spend import By, events, outcomes, outrun, possibly_paid, spend, together
from tasks.rows.storage import Storage

NO_NUMBERS = {0: "no number", 1: "-12 is less than any bucket"}
ENDS: tuple[dict[str, Any], ...] = (
    {"status": "reply", "microusd": 7, "prompt_tokens": 5, "cached_tokens": 2, "completion_tokens": 3},
    {"status": "reply", "microusd": 11, "prompt_tokens": 1, "cached_tokens": 0, "completion_tokens": 9},
    {"status": "error", "error": "timeout"},
    {"status": "error", "error": "http_5xx"},
)


def attempt(number: int, chance: random.Random, run: str | None = None) -> list[Event]:
    """An attempt for one of thirty rows; one of five has no outcome, and rows are asked the same several times."""
    row = chance.randrange(30)
    asker = Asker(
        run=run or f"run {number % 2}", stage=f"stage {row % 3}", shard=f"shard {row % 4}", role="rater",
        problem_id=NO_NUMBERS.get(row) or sha256(b"%d" % row).hexdigest(),
    )  # fmt: skip
    common: dict[str, Any] = {
        "attempt": f"{number:032x}", "key": f"key {row}", "at_ms": number * 10_000_000, "asker": asker,
        "model": f"m{number % 3}@1", "endpoint": "e", "sample": 0, "lease": chance.randrange(4),
    }  # fmt: skip
    intent = Event(kind="intent", request="{}", bound_microusd=number, **common)
    end = chance.choice([None, *ENDS])
    return [intent, Event(kind="outcome", body="", **common, **end)] if end else [intent]


def write(storage: Storage, first: int, chance: random.Random, run: str | None = None) -> None:
    """A hundred attempts, their events shuffled over the segments of writers with wide and narrow places."""
    log = [event for number in range(first, first + 100) for event in attempt(number, chance, run)]
    chance.shuffle(log)
    for start in range(0, len(log), 9):
        some = log[start : start + 9]
        place = "000-1000"
        if not start % 2:  # one event, whose writer had its bucket and a few
            some, alone = some[1:], some[0]
            bucket = 0 if alone.asker.problem_id in NO_NUMBERS.values() else int(alone.asker.problem_id[:3], 16)
            narrow = f"{max(bucket - 3, 0):03x}-{bucket + 1:04x}"
            storage.create(f"{LOG}/{narrow}/{first}-{start}.parquet", segment([alone]))
        if some:
            storage.create(f"{LOG}/{place}/{first}-{start}.parquet", segment(some))


def told(parts: list[pl.DataFrame]) -> dict[str, Any]:
    """What is told of spend, from the parts of a log."""
    groups = together([outcomes(part) for part in parts])
    return {
        **{by: spend(groups, by).sort(by.value).to_dicts() for by in By if by is not By.SOURCE},
        "maybe": sorted(row for part in parts for row in possibly_paid(part).rows()),
        "outrun": sorted(attempt for part in parts for attempt in outrun(part)["attempt"]),
    }


@pytest.mark.parametrize("few", [0, folds.FEW_SEGMENTS])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("rows_at_once", "count"), [(250, 16), (60, 64), (8, 512)])
def test_a_log_in_parts_adds_up_to_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int, count: int, seed: int, few: int
) -> None:
    monkeypatch.setattr(compaction, "ROW_GROUP", 4)
    storage, chance = Storage(str(tmp_path)), random.Random(seed)
    write(storage, 0, chance)
    again = {name: storage.read(name) for name in storage.list(LOG)[:5]}
    compact(storage)
    write(storage, 100, chance)
    for number, data in enumerate(again.values()):  # sent again by a client that lost the answer
        storage.create(f"{LOG}/000-1000/again-{number}.parquet", data)
    whole = fold(storage, lambda part: part)
    assert len(whole) == 1
    monkeypatch.setattr(folds, "FEW_SEGMENTS", few)
    monkeypatch.setattr(folds, "_ROWS_AT_ONCE", rows_at_once)
    parts = fold(storage, lambda part: part)
    assert len(parts) == count
    assert max(part.height for part in parts) < whole[0].height / 3
    assert told(parts) == told(whole)
    assert told(whole)["maybe"]
    assert told(whole)["outrun"]
    assert events(storage).height == whole[0].height
    some = fold(storage, lambda part: part, columns=["microusd"])
    assert some[0].columns == ["kind", "attempt", "problem_id", "microusd"]
    assert pl.concat(some).sort("attempt", "kind").equals(whole[0].select(some[0].columns).sort("attempt", "kind"))


def test_a_run_is_told_without_reading_what_was_compacted_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "ROW_GROUP", 4)
    monkeypatch.setattr(folds, "_ROWS_AT_ONCE", 60)
    storage, chance, later = Storage(str(tmp_path)), random.Random(5), f"a long name {'x' * 200}"
    write(storage, 0, chance)
    compact(storage)
    write(storage, 100, chance, later)
    compact(storage)
    write(storage, 200, chance)
    compact(storage)
    write(storage, 300, chance, later)
    read: list[int] = []
    groups = pq.ParquetFile.read_row_groups

    def counted(self: pq.ParquetFile, row_groups: list[int], *given: Any, **more: Any) -> pa.Table:
        found = groups(self, row_groups, *given, **more)
        read.append(found.num_rows)
        return found

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", counted)
    every = pl.concat(fold(storage, lambda part: part))
    all_read = sum(read)
    for run, share in ((later, 0.5), ("run 0", 0.8), ("never was", 0)):
        read.clear()
        own = pl.concat(fold(storage, lambda part: part, columns=["microusd"], run=run))
        assert own.columns == ["kind", "attempt", "run", "problem_id", "microusd"]
        expected = every.filter(run=run).select(own.columns)
        assert own.sort("attempt", "kind").equals(expected.sort("attempt", "kind"))
        assert sum(read) <= share * all_read, run
    assert every.filter(run=later).height > 250
