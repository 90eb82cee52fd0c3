"""A multiple-choice question taken apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.screen.options import choices, right

LONG = r"What is $x$ if $2x = 6$? $\textbf{(A)}\ 1 \qquad \textbf{(B)}\ \frac{1}{3} \qquad \textbf{(C)}\ 3$"


@pytest.mark.parametrize(
    ("text", "stem", "options"),
    [
        ("What is 2 + 3?\n(A) 4\n(B) 5", "What is 2 + 3?", ["4", "5"]),
        ("What is 2 + 3?\nA. 4\nB. 5\nC. 6", "What is 2 + 3?", ["4", "5", "6"]),
        ("What is 2 + 3?\na) 4 b) 5 c) $6$", "What is 2 + 3?", ["4", "5", "$6$"]),
        (LONG, "What is $x$ if $2x = 6$?", ["1", r"\frac{1}{3}", "3"]),
        ("Let A be a set. (A) 1 (B) 2 (C) 3", "Let A be a set.", ["1", "2", "3"]),
    ],
)
def test_stem_and_options(text: str, stem: str, options: list[str]) -> None:
    found = choices(text)
    assert found is not None
    assert found.stem.rstrip("$ ") == stem.rstrip("$ ")
    assert list(found.options.values()) == options
    assert list(found.options) == list("ABCDEFGH"[: len(options)])


@pytest.mark.parametrize(
    "text",
    [
        "Find f(A) + f(B).",
        "(A) 1 (B) 2",
        "Which is it? (B) 1 (C) 2",
        "What is n? (A) 1 (B) 2 (C) 3. Assume that n is odd.",
        "What is n? (A) 1 (B) 2 (C) 3\n\nHere n is odd.",
    ],
)
def test_what_is_no_list_with_a_stem_before_it_and_nothing_behind_it_is_left_whole(text: str) -> None:
    assert choices(text) is None


@pytest.mark.parametrize(
    ("answer", "option"),
    [
        ("B", "5"),
        ("(b)", "5"),
        (r"\text{(B)}", "5"),
        ("Option B.", "5"),
        ("C", None),
        ("D", None),
        ("5", None),
        (None, None),
    ],
)
def test_the_answers_letter_names_an_option(answer: str | None, option: str | None) -> None:
    found = choices("What is 2 + 3? (A) 4 (B) 5 (C) none of these")
    assert found is not None
    assert right(found, answer) == option


@pytest.mark.labelled
def test_real_lists_of_options_are_taken_apart(labelled_data: Path) -> None:
    """Options that a benchmark keeps beside its questions, written behind them in two ways: none is changed."""
    lines = (labelled_data / "benchmarks" / "aqua.jsonl").read_text("utf-8").splitlines()
    rows = [
        row
        for row in map(json.loads, lines)
        if all(_bare(option[2:])[:2] not in ("", "B)") for option in row["options"])
    ]
    silent, unread = [], 0
    for row in rows:
        wanted = [option[2:].strip() for option in row["options"]]
        for mark, gap in (("({})", "\n"), ("{})", " ")):
            marked = (f"{mark.format(label)} {one}" for label, one in zip("ABCDE", wanted, strict=True))
            found = choices(row["question"] + gap + gap.join(marked))
            unread += found is None
            if found and (found.stem, *map(_bare, found.options.values())) != (
                row["question"].strip(),
                *map(_bare, wanted),
            ):
                silent.append((row["id"], found))
    assert unread < 0.1 * 2 * len(rows)
    assert [name for name, _ in silent] == []


def _bare(option: str) -> str:
    return option.strip(" .,;$")
