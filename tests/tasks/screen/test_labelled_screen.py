"""The rules on the labelled rows that ship with the project. They were written while the rules were, so what the
rules are worth on rows nobody has looked at is told by the `labelled` tests of `test_rules.py`."""

from __future__ import annotations

import json
from pathlib import Path

from tasks.screen.evaluate import findings, main, score
from tasks.screen.reasons import Reason

FILE = Path(__file__).parents[2] / "data" / "screen_labelled.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
BY_MODEL = {Reason.INVALID, Reason.UNREADABLE_REPLY, Reason.REWRITE_CHANGED}
SCORES = score(ROWS, findings(ROWS))


def test_the_rows_cover_every_reason_and_a_third_is_usable() -> None:
    assert len(ROWS) >= 400
    assert len({row["question"] for row in ROWS}) == len(ROWS)
    assert {row["expected"] for row in ROWS} - {None} == set(Reason) - {
        Reason.UNREADABLE_REPLY,
        Reason.REWRITE_CHANGED,
    }
    assert 3 * sum(row["expected"] is None for row in ROWS) >= len(ROWS)


def test_every_rule_is_right_when_it_drops() -> None:
    dropping = {name: one for name, one in SCORES["reasons"].items() if one["dropped"]}
    assert set(dropping) == set(Reason) - BY_MODEL
    assert {name: one["precision"] for name, one in dropping.items() if one["precision"] < 0.98} == {}


def test_most_of_what_rules_can_see_is_found() -> None:
    kinds = ("proof", "yes_no", "multiple_choice", "multi_part", "missing_image", "answer_leaked")
    assert {
        kind: SCORES["reasons"][kind]["recall"] for kind in kinds if SCORES["reasons"][kind]["recall"] < 0.9
    } == {}


def test_scores_are_counted_by_label() -> None:
    rows = [{"expected": "proof"}, {"expected": "proof"}, {"expected": None}, {"expected": "yes_no"}]
    scores = score(rows, ["proof", "yes_no", "proof", None])
    assert scores["reasons"]["proof"] == {"rows": 2, "dropped": 2, "precision": 0.5, "recall": 0.5}
    assert scores["reasons"]["yes_no"] == {"rows": 1, "dropped": 1, "precision": 0.0, "recall": 0.0}
    assert (scores["usable rows"], scores["usable rows dropped"]) == (1, 1)


def test_the_command_prints_json_with_the_misses(capsys: object, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [("Prove that 2 is prime.", "proof"), ("Find 1 + 1.", "invalid")]
    file.write_text("".join(json.dumps({"question": q, "answer": None, "expected": e}) + "\n" for q, e in rows))
    assert main([str(file), "--misses"]) == 0
    said = json.loads(capsys.readouterr().out)  # type: ignore[attr-defined]
    assert said["reasons"]["proof"]["precision"] == 1.0
    assert [miss["expected"] for miss in said["misses"]] == ["invalid"]
