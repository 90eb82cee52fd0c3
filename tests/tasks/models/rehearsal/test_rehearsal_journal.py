"""Bill and journal: figures worked out by hand, and files that a crash has left behind."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.models.rehearsal.bill import PRICES, microusd, tokens
from tasks.models.rehearsal.journal import Journal, body_sha256, line, read


@pytest.mark.parametrize(
    ("model", "prompt", "completion", "charge"),
    [
        ("rehearsal/screener", 100, 20, 450),  # 100 * 2.5 + 20 * 10
        ("rehearsal/judge", 100, 20, 16),  # 10 + 6.4 = 16.4
        ("rehearsal/judge", 5, 0, 1),  # 0.5, a half goes up
        ("rehearsal/judge", 4, 0, 0),  # 0.4
        ("rehearsal/solver", 13, 282, 625),  # 7.15 + 617.58 = 624.73
        ("rehearsal/rater", 0, 0, 0),
        ("rehearsal/topic", 1, 1, 13),  # 12.5, a half goes up
    ],
)
def test_the_charge(model: str, prompt: int, completion: int, charge: int) -> None:
    assert microusd(model, prompt, completion) == charge


def test_an_unknown_model_has_no_price() -> None:
    with pytest.raises(KeyError):
        microusd("rehearsal/nobody", 1, 1)


@pytest.mark.parametrize(("texts", "count"), [((), 0), (("abcd",), 1), (("abcd", "e"), 2), (("π" * 2,), 1)])
def test_tokens_are_a_fourth_of_the_bytes_rounded_up(texts: tuple[str, ...], count: int) -> None:
    assert tokens(*texts) == count


@settings(deadline=None)
@given(st.sampled_from(sorted(PRICES)), st.integers(0, 10**7), st.integers(0, 10**7))
def test_the_charge_is_within_half_a_microdollar(model: str, prompt: int, completion: int) -> None:
    exact = prompt * PRICES[model].prompt + completion * PRICES[model].completion
    assert abs(microusd(model, prompt, completion) - exact) <= Decimal("0.5")


def test_the_digest_minds_values_and_not_the_order_of_keys() -> None:
    assert body_sha256({"a": 1, "b": "é"}) == body_sha256({"b": "é", "a": 1})
    assert body_sha256({"seed": 1}) != body_sha256({"seed": 2})


def test_repeated_requests_are_seen_across_processes(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for _ in range(2):
        journal = Journal(path)
        journal.record(line("rehearsal/judge", {"seed": 1}, 100, 20, 16))
        journal.record(line("rehearsal/judge", {"seed": len(read(path))}, 100, 20, 16))
        journal.close()
    report = journal.report()
    assert report["this_process"]["served"] == 2
    assert report["all_time"] == {
        "served": 4,
        "distinct": 2,
        "by_model": {"rehearsal/judge": {"served": 4, "distinct": 2, "microusd": 64}},
    }
    assert report["repeated"] == [{"model": "rehearsal/judge", "body_sha256": body_sha256({"seed": 1}), "times": 3}]


def test_a_torn_line_is_skipped_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.record(line("rehearsal/judge", {"seed": 1}, 1, 1, 0))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    again = Journal(path)
    again.record(line("rehearsal/judge", {"seed": 2}, 1, 1, 0))
    again.close()
    assert [entry.body_sha256 for entry in read(path)] == [body_sha256({"seed": seed}) for seed in (1, 2)]
    assert again.report()["all_time"]["served"] == 2


def test_the_line_is_in_the_file_when_record_returns(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.record(line("rehearsal/topic", {}, 3, 4, 48))
    assert json.loads(path.read_text())["microusd"] == 48
    journal.close()
