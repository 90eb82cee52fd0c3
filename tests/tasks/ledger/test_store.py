"""The response store is a view of the log: whatever the order of reading, one and the same reply is the reply."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tasks.ledger import spend
from tasks.ledger.compaction import compact
from tasks.ledger.events import Asker, Event, segment, stored
from tasks.ledger.log import LOG
from tasks.ledger.store import ReplyStore
from tasks.rows.storage import Storage
from tasks.rows.tables import encode

ASKER = Asker(run="run", stage="rate", shard="shard", problem_id="p" * 64, role="rater")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def outcome(key: str, body: str, at_ms: int = 0, **other: Any) -> Event:
    common = {"kind": "outcome", "status": "reply", "attempt": f"{key} {body}", "asker": ASKER, "endpoint": "local"}
    facts = {"model": "m@1", "sample": 0, "served_model": "m", "microusd": 7}
    return Event(**{**common, **facts, "key": key, "body": body, "at_ms": at_ms, **other})


def write(storage: Storage, name: str, *events: Event) -> str:
    path = f"{LOG}/000-1000/{name}.parquet"
    storage.create(path, segment(events))
    return path


def fresh(storage: Storage) -> ReplyStore:
    store = ReplyStore(storage)
    store.refresh()
    return store


def body(store: ReplyStore, key: str) -> str | None:
    found = store.get(key)
    return found.body if found else None


def test_an_empty_root_has_no_replies(storage: Storage) -> None:
    store = fresh(storage)
    assert len(store) == 0
    assert store.get("a") is None


def test_replies_are_found_with_what_they_cost(storage: Storage) -> None:
    write(storage, "1", outcome("a", "A"), outcome("b", "B", microusd=9))
    found = fresh(storage).get("b")
    assert found is not None
    assert (found.key, found.body, found.microusd) == ("b", "B", 9)


def test_intents_and_errors_are_no_replies(storage: Storage) -> None:
    error = outcome("b", "HTTP 500", status="error", error="server")
    write(storage, "1", outcome("a", "", kind="intent", status=None), error)
    store = fresh(storage)
    assert (store.get("a"), store.get("b"), len(store)) == (None, None, 0)


@pytest.mark.parametrize("order", list(permutations("123")), ids="".join)
def test_the_earliest_reply_wins_whatever_the_order_of_reading(storage: Storage, order: tuple[str, ...]) -> None:
    at = {"1": 30, "2": 10, "3": 20}
    store = ReplyStore(storage)
    for name in order:
        write(storage, name, outcome("other", name), outcome("a", f"reply {name}", at[name]))
        store.refresh()
    assert body(store, "a") == body(fresh(storage), "a") == "reply 2"


def test_replies_of_the_same_millisecond_have_one_order(storage: Storage) -> None:
    events = [outcome("a", f"reply {one}", 5, attempt=one) for one in ("c", "a", "b")]
    write(storage, "1", *events[:2])
    write(storage, "0", events[2])
    assert body(fresh(storage), "a") == "reply a"
    within = [outcome("b", "second", 5), outcome("b", "first", 4)]
    write(storage, "2", *within)
    assert body(fresh(storage), "b") == "first"


@pytest.mark.parametrize("order", list(permutations("123")), ids="".join)
def test_the_reply_of_the_highest_lease_wins_however_late_another_comes(
    storage: Storage, order: tuple[str, ...]
) -> None:
    lease, at = {"1": 7, "2": 9, "3": 9}, {"1": 10, "2": 20, "3": 30}
    for name in order:
        write(storage, name, outcome("a", f"reply {name}", at[name], lease=lease[name]))
    assert body(fresh(storage), "a") == "reply 2"


def test_a_late_reply_counts_where_the_key_has_no_other(storage: Storage) -> None:
    write(storage, "1", outcome("a", "late", lease=7), outcome("b", "B", lease=9))
    assert body(fresh(storage), "a") == "late"


def test_segments_without_leases_are_read_and_count_as_lease_0(storage: Storage) -> None:
    old = stored(segment([outcome("a", "old", 1), outcome("b", "only", 1)])).drop("lease")
    storage.create(f"{LOG}/000-1000/1.parquet", encode(old))
    write(storage, "2", outcome("a", "new", 2, lease=1))
    found = fresh(storage).get_many(["a", "b"])
    assert {key: reply.body for key, reply in found.items()} == {"a": "new", "b": "only"}
    assert spend.events(storage)["lease"].to_list() == [0, 0, 1]
    compact(storage)
    assert fresh(storage).get_many(["a", "b"]) == found
    assert sorted(spend.events(storage)["lease"]) == [0, 0, 1]


@pytest.mark.parametrize("how", ["told", "read", "compacted"])
def test_a_request_is_set_aside_for_good_only_if_others_were_answered_under_its_lease(
    storage: Storage, how: str
) -> None:
    log = [
        outcome("answered", "A", lease=1),
        outcome("bad", "HTTP 400", lease=1, status="error", error="rejected"),
        outcome("later", "HTTP 429", lease=1, status="error", error="rate_limited"),
        outcome("unproven", "HTTP 400", lease=2, status="error", error="rejected"),
    ]
    store = ReplyStore(storage, {"rejected"})
    segment = write(storage, "1", *log)
    if how == "told":
        store.add(segment, log)
    if how == "compacted":
        compact(storage)
    store.refresh()
    keys = ["answered", "bad", "later", "unproven", "unknown"]
    assert [store.set_aside(key, proven=True) for key in keys] == [None, "rejected", None, None, None]
    assert [store.set_aside(key, proven=False) for key in keys] == [None, "rejected", None, "rejected", None]
    assert store.get("bad") is None


def test_add_and_refresh_agree(storage: Storage) -> None:
    segments = {
        "1": [outcome("a", "late", 20), outcome("b", "B", kind="intent", status=None), outcome("c", "C")],
        "2": [outcome("b", "no", status="error"), outcome("a", "early", 10), outcome("b", "B", 3)],
    }
    told = ReplyStore(storage)
    for name, events in segments.items():
        told.add(write(storage, name, *events), events)
    read = fresh(storage)
    assert len(told) == len(read) == 3
    for key in "abc":
        assert told.get(key) == read.get(key) is not None
    assert body(told, "a") == "early"


def test_refresh_reads_new_segments_only(storage: Storage, tmp_path: Path) -> None:
    """The old segments are made unreadable: a store that read them again would fail."""
    first = write(storage, "1", outcome("a", "A"))
    store = fresh(storage)
    added = [outcome("b", "B")]
    second = write(storage, "2", *added)
    store.add(second, added)
    for name in (first, second):
        (tmp_path / name).write_bytes(b"no Parquet")
    write(storage, "3", outcome("c", "C"))
    store.refresh()
    assert body(store, "c") == "C"
    assert len(store) == 3


def test_more_replies_than_stay_decoded_are_all_found(storage: Storage) -> None:
    for number in range(80):
        write(storage, f"{number:03d}", outcome(f"key {number}", f"body {number}"))
    store = fresh(storage)
    for number in [*range(80), *reversed(range(80))]:
        assert body(store, f"key {number}") == f"body {number}"
