"""Text from outside stays text: in a table cell it makes no markup, no link, no HTML and no further cell."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.report.markdown import literal, table

HOSTILE = [
    "<script>alert(1)</script>",
    "a | b | c",
    "![x](http://evil.example/pixel.png)",
    "`` ` ``` <img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "one\ntwo\r\n\n# heading",
    "right\u202eto left",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_one_code_span(text: str) -> None:
    shown = literal(text)
    assert re.fullmatch(r"`[^`|\n\r\u202e]+`", shown)


@given(st.text())
def test_any_text_is_one_code_span_or_called_empty(text: str) -> None:
    shown = literal(text, 50)
    assert shown == "(empty)" or re.fullmatch(r"`[^`|\n\r]{1,50}`", shown)


def test_mathematics_stays_readable() -> None:
    assert literal(r"Let $a_1 < b$ and $\frac{1}{2}$.") == r"`Let $a_1 < b$ and $\frac{1}{2}$.`"


def test_long_text_is_cut() -> None:
    assert literal("x" * 100, 10) == f"`{'x' * 9}\u2026`"


def test_numbers_stand_to_the_right_and_have_separators() -> None:
    assert table(("what", "rows"), [("kept", 1234), ("lost", 5)]) == (
        "| what | rows |\n| --- | ---: |\n| kept | 1,234 |\n| lost | 5 |"
    )
