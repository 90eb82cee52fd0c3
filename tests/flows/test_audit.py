"""The error rate of a sheet that people filled in, and its interval."""

import json

import pytest

from flows.audit import Item, Key, parsed, score, sheet
from tasks.errors import SourceError


def key(count: int) -> Key:
    items = {f"i{n}": {"problem_id": f"p{n}", "kept_by": "unanimity" if n % 2 else "majority"} for n in range(count)}
    return Key(run="r", data_set="d", seed=1, population=1000, items=items)


def items(*verdicts: str | None) -> list[Item]:
    lines = [
        {"item": f"i{n}", "question": "q", "final_answer": "1", "verdict": verdict}
        for n, verdict in enumerate(verdicts)
    ]
    return parsed(iter([json.dumps(line) for line in lines]))


def test_the_interval_is_the_exact_one() -> None:
    """Clopper-Pearson for 3 of 100, as tabulated: 0.62% to 8.52%."""
    [every, *groups] = score(items(*["wrong"] * 3, *["right"] * 97), key(100))
    assert (every.drawn, every.right, every.wrong, every.unsure) == (100, 97, 3, 0)
    assert every.rate == 0.03
    assert (round(every.low or 0, 4), round(every.high or 0, 4)) == (0.0062, 0.0852)
    assert {one.group: one.drawn for one in groups} == {"unanimity": 50, "majority": 50}


def test_what_nobody_could_judge_is_neither_right_nor_wrong() -> None:
    [every, *_] = score(items("wrong", "right", "right", "unsure", None), key(5))
    assert (every.right, every.wrong, every.unsure) == (2, 1, 2)
    assert every.rate == pytest.approx(1 / 3)
    assert (every.rate_if_unsure_are_right, every.rate_if_unsure_are_wrong) == (0.2, 0.6)


def test_a_sheet_on_which_nothing_was_judged_has_no_rate() -> None:
    [every, *_] = score(items(None, "unsure"), key(2))
    assert (every.rate, every.low, every.high) == (None, None, None)


def test_a_sheet_comes_back_as_it_was_written() -> None:
    given = items("wrong", None)
    assert parsed(iter(sheet(given).splitlines())) == given


@pytest.mark.parametrize(
    "lines", [['{"item": 1'], ['{"item": "a", "question": "", "final_answer": "", "verdict": "no"}']]
)
def test_a_line_that_cannot_be_read_is_named(lines: list[str]) -> None:
    with pytest.raises(SourceError, match="line 2 of the sheet"):
        parsed(iter(["", *lines]))


def test_a_sheet_that_lacks_a_row_is_refused() -> None:
    with pytest.raises(SourceError, match="same items"):
        score(items("right"), key(2))
