"""Which rows are one problem in other words, by the real embedder, and what is stored of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import world
from tasks.collect import semantic
from tasks.collect.duplicates import Settings
from tasks.collect.semantic import embedded, repeats
from tasks.collect.source import RawRow, Source
from tasks.collect.task import collect as collect_task
from tasks.collect.texts import Text
from tasks.embedding.embed import EmbedderSettings, Vectors
from tasks.rows import manifest as manifests
from tasks.rows.fingerprint import digest_bytes
from tasks.rows.tables import decode
from tasks.world import Where
from tests.tasks.intake import collect

HEXAGON = "How many diagonals can be drawn for a hexagon?"
CONVEX = "How many distinct diagonals of a convex hexagon can be drawn?"
LARGEST = r"Find the largest integer $n$ such that $n$ is divisible by all positive integers less than $\sqrt[3]{n}$."
PROPERTY = (
    r"Determine the largest of all integers $n$ with the property that $n$ is divisible by all positive integers "
    r"that are less than $\sqrt[3]{n}$."
)
TWINS = [
    ("reworded, same answer", HEXAGON, "9", CONVEX, "9", True),
    ("reworded, answers differ", HEXAGON, "9", CONVEX, "6", False),
    ("reworded, one without an answer", HEXAGON, "9", CONVEX, None, False),
    ("reworded, neither answered", HEXAGON, None, CONVEX, None, False),
    ("reworded, in other LaTeX", PROPERTY, "420", LARGEST.replace("$", r"\("), "420", True),
    ("another number", LARGEST, "420", PROPERTY.replace("3", "4"), "420", False),
    ("another sign", "What is $7 + 7$?", "0", "What is $7 - 7$?", "0", False),
    ("another drawing", f"{HEXAGON} [asy] draw(a); [/asy]", "9", f"{CONVEX} [asy] draw(b); [/asy]", "9", False),
    ("another matter", HEXAGON, "9", "How many players are in a baseball team?", "9", False),
]
ON = Settings(semantic_duplicates=semantic.Settings())


def by_itself(texts: Sequence[Text]) -> Mapping[str, Vectors]:
    return embedded(texts, EmbedderSettings())


@pytest.mark.parametrize(("one", "answer", "other", "its", "same"), [case[1:] for case in TWINS],
                         ids=[case[0] for case in TWINS])  # fmt: skip
def test_what_repeats_what(one: str, answer: str | None, other: str, its: str | None, same: bool) -> None:
    a, b = Text("a", one, answer), Text("b", other, its)
    assert list(repeats([], [a, b], 0.9, by_itself)) == (["b"] if same else [])
    assert list(repeats([a], [b], 0.9, by_itself)) == (["b"] if same else [])
    assert list(repeats([b], [a], 0.9, by_itself)) == (["a"] if same else [])


def test_only_rows_that_could_repeat_another_are_embedded() -> None:
    asked: list[str] = []

    def noted(texts: Sequence[Text]) -> Mapping[str, Vectors]:
        asked.extend(text.row_id for text in texts)
        return by_itself(texts)

    rows = [Text("a", HEXAGON, "9"), Text("b", CONVEX, "9"), Text("c", LARGEST, "420"), Text("d", PROPERTY, None)]
    assert repeats([], rows[2:], 0.9, noted) == {}
    assert asked == []
    assert repeats([], rows, 0.9, noted)["b"].of == "a"
    assert asked == ["a", "b"]


def raw(name: str, question: str, answer: str | None) -> RawRow:
    return RawRow(row_id=name, source="s", locator=f"f:{name}", question=question, answer=answer, source_id=name)


def test_collecting_drops_semantic_duplicates_with_their_evidence() -> None:
    rows = [raw("a", HEXAGON, "9"), raw("b", CONVEX, "9"), raw("c", CONVEX.upper(), None), raw("d", LARGEST, "420")]
    verdicts, problems = collect(rows, settings=ON)
    found = {v["row_id"]: (v["reason"], v["duplicate_of"]) for v in verdicts}
    assert found == {
        "a": (None, None), "b": ("duplicate_semantic", "a"), "c": ("duplicate_exact", "a"), "d": (None, None)
    }  # fmt: skip
    assert {problem["row_id"] for problem in problems} == {"a", "d"}
    assert 0.9 <= next(v["similarity"] for v in verdicts if v["row_id"] == "b") < 1
    assert len(collect(rows)[1]) == 3  # as shipped they stay


def test_a_grown_source_is_compared_with_what_stands_and_no_text_is_embedded_twice(tmp_path: Path) -> None:
    path, where = tmp_path / "rows.jsonl", Where(root=str(tmp_path / "root"), run="r")
    source, storage = Source(name="s", path=str(path)), world.storage(where.root)
    rows = [(HEXAGON, "9"), (LARGEST, "420"), (CONVEX, "9"), (PROPERTY, "420")]
    for count in (2, 3, 4):
        lines = (json.dumps({"question": question, "answer": answer}) for question, answer in rows[:count])
        path.write_text("\n".join(lines), encoding="utf-8")
        chain = collect_task.fn([source], where, ON)
    assert [intake.dropped for intake in chain] == [{}, {"duplicate_semantic": 1}, {"duplicate_semantic": 1}]
    first = manifests.read(storage, chain[0]).sort("locator")["row_id"].to_list()
    assert [manifests.read(storage, one)["duplicate_of"].item() for one in chain[1:]] == first
    kept = [text for name in storage.list("vectors") for text in decode(storage.read(name), ["text"])["text"]]
    assert sorted(kept) == sorted(digest_bytes(question.encode()) for question, _ in rows)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.text(alphabet="ab 12+", max_size=12), st.sampled_from(["1", "2", None])), max_size=12))
def test_whatever_the_rows_a_duplicate_names_a_row_that_is_kept(pairs: list[tuple[str, str | None]]) -> None:
    def all_alike(texts: Sequence[Text]) -> Mapping[str, Vectors]:
        return {text.question: np.eye(1, 4, dtype=np.float32) for text in texts}

    rows = [raw(f"{i:02}", text, answer) for i, (text, answer) in enumerate(pairs)]
    verdicts, problems = collect(rows, settings=ON, embed=all_alike)
    kept = {problem["row_id"] for problem in problems}
    assert {v["duplicate_of"] for v in verdicts} - {None} <= kept
    assert len(verdicts) == len(pairs)
