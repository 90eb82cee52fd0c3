"""The kill test in short: a few kills of one small run. `make kill-test` is the long form."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.kill.__main__ import arguments, main
from tests.kill.plan import OF_RUNNER, Victim, kills
from tests.kill.witness import Outcome, violations


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_few_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = f"--kills 4 --rows 16 --storage local --seed {SEED} --folder".split()
    options = [*given, str(tmp_path / "k")]
    assert main(arguments(options)) == 0, capsys.readouterr().out


SEED = 8
"""Its first four kills are of the raylet, the flow process, the Prefect server and a worker."""


def test_the_seed_of_the_short_form_kills_what_matters() -> None:
    drawn = {kill.victim for kill in islice(kills(SEED, 0, "ray"), 4)}
    assert drawn == {Victim.FLOW, Victim.RAYLET, Victim.WORKER, Victim.PREFECT}


@pytest.mark.parametrize("runner", OF_RUNNER)
def test_a_seed_always_draws_the_same_and_each_victim_by_its_weight(runner: str) -> None:
    def first(seed: int, run: int) -> list[object]:
        return list(islice(kills(seed, run, runner), 70))

    assert first(1, 0) == first(1, 0)
    assert first(1, 0) != first(2, 0)
    assert first(1, 0) != first(1, 1)
    rounds = 70 // len(OF_RUNNER[runner])
    drawn = Counter(kill.victim for kill in islice(kills(1, 0, runner), rounds * len(OF_RUNNER[runner])))
    assert drawn == Counter({victim: rounds * times for victim, times in Counter(OF_RUNNER[runner]).items()})


def outcome(**other: Any) -> Outcome:
    step = {"stage": "collect", "rows_in": 2, "kept": 1, "dropped": {"empty": 1}, "quarantined": {}}
    told: dict[str, Any] = {
        "dataset": {"datasets/x/train.parquet": b"rows"},
        "funnel": [step],
        "served": Counter("ab"),
        "durable": Counter("ab"),
        "listed": Counter[str](),
        "spend": 10,
        "bound": 0,
        "bill": 10,
    }
    return Outcome(**{**told, **other})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"durable": Counter("aab"), "served": Counter("aab")}, "1 durable replies were bought again"),
        ({"served": Counter("aab")}, "1 requests were served more often than the ledger knows"),
        ({"served": Counter("aaaab"), "listed": Counter("aaa")}, "3 were served twice, but 2 in flight at most"),
        ({"dataset": {"datasets/x/train.parquet": b"other"}}, "the data set differs"),
        ({"funnel": []}, "the funnel differs"),
        ({"served": Counter("abc"), "listed": Counter("c")}, "asked 3 requests, not 2"),
        ({"bill": 13, "bound": 2}, "is not the bill of 13"),
        ({"bill": 9}, "is not the bill of 9"),
    ],
)
def test_a_broken_promise_is_told(change: dict[str, Any], words: str) -> None:
    assert any(words in told for told in violations(outcome(**change), outcome(), 2))


def test_what_was_in_flight_may_be_served_twice_if_it_is_listed() -> None:
    found = outcome(served=Counter("aab"), listed=Counter("a"), bill=15, bound=9)
    assert violations(found, outcome(), 1) == []
