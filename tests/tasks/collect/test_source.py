"""Lines of a source become rows or faults with their place, whatever the lines hold."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.collect.source import LONGEST_LINE, Columns, RawRow, Source, read
from tasks.rows.problem import row_id

FORUM = Source(name="forum", path="s3://bucket/posts.jsonl", licence="CC-BY-SA-4.0")


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def one(raw: bytes, source: Source = FORUM) -> RawRow:
    (row,) = read(source, [raw])
    return row


def test_a_row_is_read_by_the_columns_of_its_source() -> None:
    columns = Columns(question="body", answer="solution", id="no", url="link", licence="terms")
    raw = line(body=" Find $x$. ", solution=" 4 ", no=17, link="https://example.org/17", terms="MIT", other=1)
    row = one(raw, FORUM.model_copy(update={"columns": columns}))
    assert row == RawRow(
        row_id=row_id("forum", raw, 0),
        source="forum",
        locator="posts.jsonl:1",
        question=" Find $x$. ",
        answer="4",
        source_id="17",
        url="https://example.org/17",
        licence="MIT",
    )


def test_what_a_row_does_not_carry_comes_from_its_source_or_stays_empty() -> None:
    for raw in (line(question="Find $x$."), line(question="Find $x$.", answer=None, id=None, url=None, licence=None)):
        row = one(raw)
        assert (row.answer, row.source_id, row.url, row.licence) == (None, "1", "", "CC-BY-SA-4.0")


def test_blank_lines_are_no_rows_but_count_as_lines() -> None:
    rows = list(read(FORUM, [b"\n", line(question="a"), b"", b"  \r\n", line(question="b") + b"\r\n"]))
    assert [(row.question, row.locator) for row in rows] == [("a", "posts.jsonl:2"), ("b", "posts.jsonl:5")]


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe\xfa", "not JSON"),
        (b'{"question": "\xff"}', "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"question": "x", "answer": NaN}', "NaN is no JSON number"),
        (b'{"question": "x", "answer": 1e999}', "not JSON compliant"),
        (b'{"question": "x", "answer": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'["question"]', "a JSON list, not an object"),
        (b'"question"', "a JSON str, not an object"),
        (b"null", "a JSON NoneType, not an object"),
        (line(Question="x", body="y"), r"no text in field 'question'; fields are \['Question', 'body'\]"),
        (line(question=None), "no text in field 'question'"),
        (line(question=7), "no text in field 'question'"),
        (line(question=["x"]), "no text in field 'question'"),
        (b'{"question": "half \\ud800"}', "surrogates"),
        (b'{"question": "x", "answer": "\\udc00"}', "surrogates"),
        (b'{"question": "x", "url": "\\udc00"}', "surrogates"),
        (b'{"\\ud800": "x"}', "no text in field 'question'"),
        (line(question="x", answer=["4"]), "the answer is a JSON list"),
        (line(question="x", answer={"a": 1}), "the answer is a JSON dict"),
        (line(question="x", answer=True), "the answer is a JSON bool"),
        (line(question="x" * LONGEST_LINE), f"the limit is {LONGEST_LINE}"),
    ],
    ids=range(22),
)
def test_a_bad_line_is_a_fault_that_says_where_and_why_and_the_others_go_on(raw: bytes, fault: str) -> None:
    before, bad, after = read(FORUM, [line(question="before"), raw, line(question="after")])
    assert (before.question, after.question) == ("before", "after")
    assert before.fault is after.fault is None
    assert (bad.locator, bad.question, bad.answer) == ("posts.jsonl:2", "", None)
    assert bad.fault is not None
    assert re.search(fault, bad.fault)
    bad.fault.encode("utf-8")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("4", "4"),
        (" 4\n", "4"),
        (4, "4"),
        (-0.5, "-0.5"),
        (10**30, str(10**30)),
        ("", None),
        ("  ", None),
        (None, None),
        (0, "0"),
    ],
)
def test_answers_are_text_numbers_or_missing(answer: Any, expected: str | None) -> None:
    assert one(line(question="x", answer=answer)).answer == expected


LINES = st.lists(st.binary(max_size=30) | st.builds(lambda q: line(question=q), st.text(max_size=5)), max_size=8)


@given(LINES)
def test_every_line_that_is_not_blank_is_one_row_with_an_identity_of_its_own(lines: list[bytes]) -> None:
    rows = list(read(FORUM, lines))
    assert len(rows) == len([raw for raw in lines if raw.strip()])
    assert len({row.row_id for row in rows}) == len(rows)


@given(LINES, st.randoms())
def test_row_ids_stay_the_same_when_lines_are_re_ordered(lines: list[bytes], random: Any) -> None:
    shuffled = random.sample(lines, len(lines))
    moved = FORUM.model_copy(update={"path": "/elsewhere/renamed.jsonl"})
    assert {row.row_id for row in read(FORUM, lines)} == {row.row_id for row in read(moved, shuffled)}


def test_where_a_source_lies_is_no_part_of_its_identity() -> None:
    assert FORUM.identity() == FORUM.model_copy(update={"path": "/elsewhere.jsonl"}).identity()
    for other in ({"name": "x"}, {"licence": "x"}, {"columns": Columns(question="x")}):
        assert FORUM.model_copy(update=other).identity() != FORUM.identity()
