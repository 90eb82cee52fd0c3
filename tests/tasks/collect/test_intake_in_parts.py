"""An intake that is made in parts is the one that comparing every row with every other gives, byte for byte."""

import random
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.collect import duplicates, semantic
from tasks.collect.duplicates import Settings
from tasks.collect.source import RawRow
from tasks.collect.texts import Text
from tasks.embedding.embed import Vectors
from tasks.rows import parts
from tasks.rows.manifest import Manifest
from tasks.rows.normal_form import normal_form
from tasks.rows.parts import Parts
from tasks.rows.problem import normal_text
from tasks.rows.storage import Storage
from tasks.rows.tables import table
from tests.tasks.collect.test_names import ANSWERS, TEXTS
from tests.tasks.intake import collect, committed

ON = Settings(semantic_duplicates=semantic.Settings())


def row(number: int, question: str, answer: str | None = None, fault: str | None = None) -> RawRow:
    name = sha256(str(number).encode()).hexdigest()
    return RawRow(row_id=name, source="s", locator=f"f:{number}", question=question, answer=answer, fault=fault)


def by_words(texts: Sequence[Text]) -> Mapping[str, Vectors]:
    """Vectors in which texts of the same letters point the same way."""
    found = {}
    for text in texts:
        counts = np.bincount([ord(sign) % 32 for sign in text.question if sign.isalpha()], minlength=32) + 0.01
        found[text.question] = (counts / np.linalg.norm(counts)).astype(np.float32)[None, :]
    return found


def all_with_all(
    rows: Sequence[RawRow], earlier: Sequence[tuple[RawRow, bool]], how: Settings
) -> dict[str, tuple[str | None, str | None, float | None]]:
    """What repeats what: every row by id, with the reason, what it repeats and how alike they are."""

    def form(one: RawRow) -> str:
        return normal_form(one.question) or normal_text(one.question)

    texts = sorted((one for one in rows if one.question.strip()), key=lambda one: one.answer is None)
    stands = {form(one): one.row_id for one, kept in earlier if kept}
    for one in texts:
        stands.setdefault(form(one), one.row_id)
    unlike = [Text(one.row_id, one.question, one.answer) for one in texts if stands[form(one)] == one.row_id]
    old = [Text(one.row_id, one.question, one.answer) for one, kept in earlier if kept]
    found = duplicates.find(old, unlike, how, by_words)
    fates: dict[str, tuple[str | None, str | None, float | None]] = {}
    for one in rows:
        survivor = stands.get(form(one))
        if not one.question.strip():
            fates[one.row_id] = ("empty", None, None)
        elif survivor != one.row_id:
            fates[one.row_id] = ("duplicate_exact", duplicates.standing(str(survivor), found), None)
        elif one.row_id in found:
            alike = found[one.row_id]
            fates[one.row_id] = (f"duplicate_{alike.how}", duplicates.standing(one.row_id, found), alike.similarity)
        else:
            fates[one.row_id] = (None, None, None)
    return fates


@settings(deadline=None, max_examples=12)
@given(st.lists(st.tuples(TEXTS, ANSWERS), max_size=16), st.integers(0, 16), st.sampled_from((Settings(), ON)))
def test_parts_find_what_comparing_all_with_all_finds(
    made: list[tuple[str, str | None]], cut: int, how: Settings
) -> None:
    rows = [row(i, text.replace("\ud800", ""), answer) for i, (text, answer) in enumerate(made)]
    first, _ = collect(rows[:cut], settings=how, embed=by_words)
    second, _ = collect(rows[cut:], [rows[:cut]], settings=how, embed=by_words, files=7)
    kept = {line["row_id"] for line in first if line["verdict"] == "keep"}
    whole = all_with_all(rows[:cut], (), how)
    by_id = sorted(rows[:cut], key=lambda one: sha256(normal_text(one.question).encode()).hexdigest())
    whole |= all_with_all(rows[cut:], [(one, one.row_id in kept) for one in by_id], how)
    said = {line["row_id"]: (line["reason"], line["duplicate_of"], line["similarity"]) for line in first + second}
    assert said == whole


def pool(count: int) -> list[RawRow]:
    """Rows of a few words: copies, near and other variants of each other, with and without answers, some bad."""
    drawn = random.Random(5)
    words = ["red", "blue", "pens", "books", "Ann", "Bob", "has", "3", "four", "$x+1$", "5.", "How many?", "sum"]
    rows = []
    for number in range(count):
        text = " ".join(drawn.choice(words) for _ in range(drawn.randrange(6)))
        rows.append(row(number, text, drawn.choice(("1", "2", None)), "bad" if number % 50 == 7 else None))
    return rows


@pytest.mark.parametrize("how", [Settings(near_duplicates=None), ON], ids=["exact", "all"])
def test_the_bytes_are_the_same_however_many_parts_there_are(
    tmp_path: Path, how: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pool(700)
    chains = []
    for files, rows_of_a_part in ((1, 8192), (7, 8192), (64, 8192), (7, 20), (64, 3), (1, 1)):
        monkeypatch.setattr(parts, "ROWS_OF_A_PART", rows_of_a_part)
        storage, chain = Storage(str(tmp_path / f"{files}-{rows_of_a_part}")), list[Manifest]()
        for own in (rows[:500], rows[500:]):
            chain.append(committed(storage, own, chain, how, by_words, files))
        chains.append(chain)
    assert all(chain == chains[0] for chain in chains)
    assert {"duplicate_exact", "empty"} <= set(chains[0][0].dropped)
    assert how != ON or {"duplicate_near", "duplicate_semantic"} <= set(chains[0][0].dropped)


SCHEMA = {"name": pl.String, "n": pl.Int64}


@pytest.mark.parametrize("times", [1, 5])
def test_rows_of_a_part_come_back_in_order_and_parts_in_the_order_of_the_key(tmp_path: Path, times: int) -> None:
    names = [sha256(str(n).encode()).hexdigest() for n in range(300)]
    rows = table(({"name": name, "n": n} for n, name in enumerate(names)), SCHEMA)
    with Parts(tmp_path / "parts", "name", SCHEMA, 7) as made:
        for start in range(0, 300, 40):
            made.write(rows.slice(start, 40))
    made.cut(times)
    found = [made.whole(part) for part in made]
    assert len(found) == 7 * times
    assert all(one["n"].is_sorted() for one in found)
    assert [name for one in found for name in one["name"].sort()] == sorted(names)
    assert [made.whole(part, ["n"])["n"].to_list() for part in made] == [one["n"].to_list() for one in found]
    left = []
    for part in made:
        made.drop(part)
        left.append(len(list((tmp_path / "parts").iterdir())))
    assert left == [7 - (part + 1) // times for part in made]


def test_parts_are_as_many_as_their_rows_need() -> None:
    rows = [0, 64 * 8192, 64 * 8192 + 1, 3_000_000, 10**12]
    assert [parts.times(n, 64) for n in rows] == [1, 1, 2, 6, 64]
