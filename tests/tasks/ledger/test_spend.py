"""Spend is added up from the log alone, and what may have been paid without a bill is listed with its bound."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.ledger.events import Asker, Event, segment
from tasks.ledger.log import LOG
from tasks.ledger.spend import By, events, outcomes, outrun, possibly_paid, spend, with_sources
from tasks.rows.storage import Storage

SOURCES = pl.DataFrame({"run": ["run", "other"], "problem_id": ["p", "p"], "source": ["forum", "contest"]})
DAY_MS = 86_400_000


def attempt(number: int, stage: str, model: str, end: dict[str, Any] | None) -> list[Event]:
    """An attempt's intent, bounded at 1000 times its number, and how it ended, if it did."""
    asker = Asker(run="run", stage=stage, shard="shard", problem_id="p", role="role")
    common: dict[str, Any] = {"attempt": f"{number:032x}", "key": f"key {number}", "at_ms": number, "asker": asker}
    common |= {"model": model, "endpoint": "local", "sample": 0}
    intent = Event(kind="intent", request="{}", bound_microusd=1000 * number, **common)
    return [intent] if end is None else [intent, Event(kind="outcome", **common, **end)]


def paid(microusd: int, prompt: int, cached: int, completion: int) -> dict[str, Any]:
    tokens = {"prompt_tokens": prompt, "cached_tokens": cached, "completion_tokens": completion}
    return {"status": "reply", "body": "{}", "microusd": microusd, **tokens}


def failed(error: str) -> dict[str, Any]:
    return {"status": "error", "error": error, "body": ""}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = Storage(str(tmp_path))
    attempts = [
        attempt(1, "rate", "a@1", paid(70, 10, 4, 5)),
        attempt(2, "rate", "b@1", paid(30, 1, 0, 2)),
        attempt(3, "solve", "a@1", paid(500, 100, 0, 50)),
        attempt(4, "solve", "a@1", failed("rate_limited")),
        attempt(5, "solve", "a@1", failed("timeout")),
        attempt(6, "solve", "a@1", failed("cut")),
        attempt(7, "solve", "a@1", failed("garbled")),
        attempt(8, "solve", "a@1", None),
        attempt(9, "solve", "a@1", failed("server")),
        attempt(10, "solve", "a@1", failed("rejected")),
    ]
    for number, some in enumerate(attempts):
        storage.create(f"{LOG}/x/{number}.parquet", segment(some))
    return storage


def test_spend_by_stage_is_the_sum_of_its_outcomes(storage: Storage) -> None:
    rows = spend(outcomes(events(storage)), By.STAGE).to_dicts()
    assert [row["stage"] for row in rows] == ["solve", "rate"]
    assert rows[1] == {
        "stage": "rate",
        "attempts": 2,
        "replies": 2,
        "errors": 0,
        "prompt_tokens": 11,
        "cached_tokens": 4,
        "completion_tokens": 7,
        "microusd": 100,
    }
    assert (rows[0]["attempts"], rows[0]["replies"], rows[0]["errors"], rows[0]["microusd"]) == (7, 1, 6, 500)


@pytest.mark.parametrize("by", By)
def test_whatever_the_groups_the_sums_are_the_same(storage: Storage, by: By) -> None:
    found = spend(outcomes(with_sources(events(storage), SOURCES)), by)
    assert found["microusd"].sum() == 600
    assert found["attempts"].sum() == 9
    assert found[by.value].n_unique() == found.height


def test_attempts_without_a_bill_are_listed_with_the_most_they_can_have_cost(storage: Storage) -> None:
    found = possibly_paid(events(storage))
    assert dict(zip(found["key"], found["bound_microusd"], strict=True)) == {
        "key 5": 5000,
        "key 6": 6000,
        "key 7": 7000,
        "key 8": 8000,
    }


def test_an_empty_log_is_no_spend(tmp_path: Path) -> None:
    log = events(Storage(str(tmp_path / "empty")))
    assert spend(outcomes(log), By.STAGE).height == possibly_paid(log).height == 0


def logged(root: Path, *asked: tuple[str, str, int]) -> pl.DataFrame:
    """A log of replies at 100 micro-dollars: (run, problem, Unix milliseconds)."""
    storage = Storage(str(root))
    for number, (run, problem, at_ms) in enumerate(asked):
        asker = Asker(run=run, stage="rate", shard="s", problem_id=problem, role="rater")
        common: dict[str, Any] = {"attempt": f"{number:032x}", "key": f"k{number}", "asker": asker, "sample": 0}
        end = Event(kind="outcome", at_ms=at_ms, model="m@1", endpoint="e", **common, **paid(100, 1, 0, 1))
        storage.create(f"{LOG}/x/{number}.parquet", segment([end]))
    return events(storage)


def test_days_are_utc_and_in_order(tmp_path: Path) -> None:
    log = logged(tmp_path, ("r", "p", DAY_MS), ("r", "p", DAY_MS - 1), ("r", "p", 2 * DAY_MS - 1))
    assert spend(outcomes(log), By.DAY).select("day", "microusd").rows() == [("1970-01-01", 100), ("1970-01-02", 200)]


def test_a_problem_belongs_to_the_source_that_the_run_collected_it_from(tmp_path: Path) -> None:
    log = logged(tmp_path, ("run", "p", 0), ("run", "p", 0), ("other", "p", 0), ("other", "who?", 0))
    found = spend(outcomes(with_sources(log, SOURCES)), By.SOURCE)
    assert dict(found.select("source", "microusd").rows()) == {"forum": 200, "contest": 100, "(unknown)": 100}


def test_a_reply_that_another_outran_is_spend_and_told_apart(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    asker = Asker(run="run", stage="rate", shard="shard", problem_id="p", role="role")
    ends = [  # key, lease, at_ms, microusd: the highest lease's is the reply, of one lease the earliest
        ("a", 5, 90, 1),
        ("a", 9, 50, 2),
        ("a", 9, 60, 4),
        ("b", 5, 99, 8),
    ]
    log = [
        Event(
            kind="outcome", status="reply", body="{}", attempt=f"{number:032x}", key=key, lease=lease, at_ms=at_ms,
            microusd=microusd, asker=asker, model="m@1", endpoint="local", sample=0,
        )
        for number, (key, lease, at_ms, microusd) in enumerate(ends)
    ]  # fmt: skip
    storage.create(f"{LOG}/x/1.parquet", segment(log))
    assert sorted(outrun(events(storage))["microusd"]) == [1, 4]
    assert spend(outcomes(events(storage)), By.STAGE)["microusd"].to_list() == [15]
    assert outrun(events(Storage(str(tmp_path / "empty")))).height == 0
