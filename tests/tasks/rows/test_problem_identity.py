"""Identities are frozen: a golden value that changes here would orphan paid replies."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.rows.problem import BUCKETS, bucket, normal_text, problem_id, row_id

GOLDEN = {
    "What is $1+1$?": ("4cd0ee8962f3e3c556fe9e103db7160ee887af0259e35c62ee797ffd42406e61", 1229),
    "Café  au\tlait?": ("b600968de5f605552499aa3fa27c7d3275e72ba9c03a36d8ee532adbeb8d9853", 2912),
    "求 $x^2$ 的导数。": ("78e66819a3b00e73aeb63cc0a3b996b5cd5fc3e1031b98183e241fe5a4c7493e", 1934),
    "": ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 3643),
    "\ud800": ("91a681b998555fb475479817b126c94e57e52011fa1842c5d188795a4a05226b", 2330),
}


@pytest.mark.parametrize("text", GOLDEN, ids=ascii)
def test_golden_identities(text: str) -> None:
    identity, number = GOLDEN[text]
    assert problem_id(text) == identity
    assert bucket(identity) == number


@given(st.text())
def test_composed_and_decomposed_text_is_one_problem(text: str) -> None:
    forms = {problem_id(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert forms == {problem_id(text)}


@given(
    st.lists(st.text(alphabet="ab$^é", min_size=1), min_size=1),
    st.sampled_from([" ", "\n", "\t  ", "\u00a0", "\r\n"]),
)
def test_white_space_between_words_and_at_the_ends_does_not_matter(words: list[str], space: str) -> None:
    assert problem_id(f"{space}{space.join(words)}{space}") == problem_id(" ".join(words))


def test_whether_there_is_white_space_and_everything_else_matters() -> None:
    texts = ["find x", "findx", "Find x", "find x.", "find y", "find x²", "find x2"]
    assert len({problem_id(text) for text in texts}) == len(texts)


@given(st.text())
def test_normal_text_is_its_own_normal_text(text: str) -> None:
    assert normal_text(normal_text(text)) == normal_text(text)


@given(st.text())
def test_a_bucket_is_the_first_twelve_bits(text: str) -> None:
    identity = problem_id(text)
    assert 0 <= bucket(identity) < BUCKETS
    assert bucket(identity) == int(identity, 16) >> (256 - 12)


def test_golden_row_ids() -> None:
    raw = b'{"question": "Find x."}'
    assert row_id("forum", raw, 0) == "295240c054ada633c2fb9c17d80b1b344fe11cfcd66fa83a2bca890aa1649ca2"
    assert row_id("forum", raw, 1) == "929244b6f58b8b4512f9c54add823a071fdce9bd4c6e053d629414cd5698052b"


def test_rows_differ_by_source_bytes_and_occurrence() -> None:
    made = {row_id(*one) for one in [("a", b"x", 0), ("b", b"x", 0), ("a", b"y", 0), ("a", b"x", 1)]}
    assert len(made) == 4
