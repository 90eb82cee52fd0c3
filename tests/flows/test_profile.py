"""A profile counts every row of a source once, and holds it against the sources before and the benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.__main__ import app
from flows.profile import Profile, profiles
from tasks.collect.source import Source
from tasks.decontaminate.benchmarks import Benchmark

BOOK: list[dict[str, Any]] = [
    {"question": "Find the value of $x$ if $2x+3=11$.", "answer": "4", "licence": "MIT"},
    {"question": "find the value of  $x$ if $2x + 3 = 11$", "answer": "4"},
    {"question": "Compute $\\int_0^1 x^2\\,dx$.", "answer": "C"},
    {"question": "Prove that $\\sqrt{2}$ is irrational.", "answer": None},
    {"question": " "},
    {"text": "no question"},
]
FORUM: list[dict[str, Any]] = [
    {"question": "Compute $\\int_0^1 x^2\\,dx$."},
    {"question": "How many primes are there below $100$?", "answer": "25"},
]


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    for name, rows in (("book", BOOK), ("forum", FORUM)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return [Source(name=name, path=f"{tmp_path}/{name}.jsonl", licence="CC0-1.0") for name in ("book", "forum")]


def accounted(one: Profile) -> bool:
    return one.rows == one.unreadable + one.empty + one.duplicates + one.elsewhere + sum(one.answers.values())


def test_every_row_is_counted_once(sources: list[Source]) -> None:
    book, forum = profiles(sources)
    assert (book.rows, book.unreadable, book.empty, book.duplicates, book.elsewhere) == (6, 1, 1, 1, 0)
    assert (forum.rows, forum.duplicates, forum.elsewhere) == (2, 0, 1)
    assert accounted(book)
    assert accounted(forum)
    assert book.licences == {"MIT": 1, "CC0-1.0": 2}
    assert book.answers == {"verifiable": 1, "a bare letter": 1, "none": 1}
    assert book.screened["proof"] == 1
    assert book.contaminated is None
    assert forum.left == 1


def test_a_repeated_benchmark_question_is_proven(sources: list[Source], tmp_path: Path) -> None:
    (tmp_path / "held.jsonl").write_text(json.dumps({"question": "How many primes are there below 100?"}) + "\n")
    book, forum = profiles(sources, [Benchmark(name="held", path=f"{tmp_path}/held.jsonl")])
    assert (book.contaminated, forum.contaminated) == (0, 1)


def test_the_command_shows_a_recipes_sources_side_by_side(tmp_path: Path, sources: list[Source]) -> None:
    recipe = tmp_path / "own.yaml"
    given = {
        "name": "own",
        "sources": [source.model_dump(mode="json", include={"name", "path"}) for source in sources],
        "endpoints": {"rehearsal": {"kind": "rehearsal"}},
        "roles": {"rater": {"endpoint": "rehearsal", "model": "rehearsal/rater", "revision": "1"}},
        "stages": [{"stage": "rate"}],
    }
    recipe.write_text(json.dumps(given), encoding="utf-8")
    done = CliRunner().invoke(app, ["profile", str(recipe)])
    assert done.exit_code == 0, done.output
    assert all(word in done.output for word in ("book", "forum", "a bare letter 1", "left for models"))
    said = json.loads(CliRunner().invoke(app, ["profile", str(recipe), "--json"]).stdout)
    assert [one["left"] for one in said] == [2, 1]


def test_what_a_source_says_is_shown_as_it_is(tmp_path: Path) -> None:
    """Licences come with the rows, so they may be anything: markup of the terminal, or of the page."""
    hostile = "[bold]x[/bold] <script>alert(1)</script>"
    (tmp_path / "own.jsonl").write_text(json.dumps({**BOOK[0], "licence": hostile}) + "\n", encoding="utf-8")
    recipe = {
        "name": "own",
        "sources": [{"name": "book", "path": f"{tmp_path}/own.jsonl"}],
        "endpoints": {"rehearsal": {"kind": "rehearsal"}},
        "roles": {"rater": {"endpoint": "rehearsal", "model": "rehearsal/rater", "revision": "1"}},
        "stages": [{"stage": "rate"}],
    }
    (tmp_path / "own.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["profile", str(tmp_path / "own.yaml"), "--page", str(page)])
    assert done.exit_code == 0, done.output
    assert "[bold]x[/bold]" in done.output
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
