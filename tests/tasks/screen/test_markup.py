"""HTML goes, formulas stay."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.screen.markup import plain


@pytest.mark.parametrize(
    ("post", "text"),
    [
        ("<p>Let $a&lt;b$ &amp; $b&lt;c$.</p>", "Let $a<b$ & $b<c$."),
        ("if a<b and b<c, is c>a", "if a<b and b<c, is c>a"),
        ("<p>if a<b and c>d</p>", "if a<b and c>d"),
        ("x&lt;3", "x<3"),
        ("<p>One<br>two<br/>three</p>", "One\ntwo\nthree"),
        ("<p>2<sup>5</sup>, a<sub>n</sub></p>", "2^{5}, a_{n}"),
        ("<p>A</p>\n\n<p>B</p>", "A\n\nB"),
        ("<ul><li>x</li><li>y</li></ul>", "- x\n- y"),
        ("<ol><li>x</li><li>y</li></ol>", "1. x\n2. y"),
        ('<p>See <a href="https://example.org/?a=1&amp;b=2">this</a>.</p>', "See this."),
        ('Area? <img src="https://example.org/1.png" alt="a triangle">', "Area? [image]"),
        ('Find <img class="latex" alt="$x^2$" src="x.png">.', "Find $x^2$."),
        ('<p>Find <script type="math/tex">x&lt;2</script>.</p>', "Find $x&lt;2$."),
        ('<p>Find <script type="math/tex; mode=display">x^2</script></p>', "Find $$x^2$$"),
        ("<p>Hi<script>alert(1)</script><style>p{}</style></p>", "Hi"),
        ('<span class="math-container">$x\\,dx$</span> is <b>it</b>', "$x\\,dx$ is it"),
        ("<p>a\r\nb\rc</p>", "a\nb\nc"),
        ("<p></p>", ""),
    ],
)
def test_markup_is_read(post: str, text: str) -> None:
    assert plain(post) == text


@given(st.text(alphabet="ab<>&/p $\\={}\"'\n1", max_size=80))
def test_any_text_is_read_and_a_text_without_tags_is_only_unescaped(text: str) -> None:
    assert isinstance(plain(text), str)
    if "<" not in text and "&" not in text:
        assert plain(text) == text.strip()


@pytest.mark.parametrize("piece", ["<p>", "<div>", "<p ", "<sup>", "<", "</p>", "<img ", "<ol><li>", '<p a="'])
@pytest.mark.timeout(30)
def test_hostile_markup_takes_linear_time(piece: str) -> None:
    plain("<p>x</p>" + piece * (40_000 // len(piece)))


_FORMULA = re.compile(r'<span class="math-container"[^>]*>(.*?)</span>', re.DOTALL)
"""A formula as Stack Exchange marks it; what is in it is text, though some dumps hold a bare "<"."""
_SPAN = re.compile(r"<span[^>]*>")


@pytest.mark.labelled
def test_what_is_nested_without_end_is_left_as_it_is() -> None:
    post = "<div>" * 200_000 + "<p>$a&lt;b$</p>"
    assert plain(post) == html.unescape(post)


def test_no_formula_of_a_real_post_is_lost(labelled_data: Path) -> None:
    """Every formula stands in the text, letter by letter and in its order."""
    lines = (labelled_data / "raw" / "mse_arqmath.jsonl").read_text("utf-8").rstrip("\n").split("\n")
    total = 0
    for post in map(json.loads, lines):
        formulas = _FORMULA.findall(post["body_html"])
        text, at = " ".join(plain(post["body_html"]).split()), 0
        for formula in (" ".join(html.unescape(_SPAN.sub("", one)).split()) for one in formulas):
            where = text.find(formula, at)
            assert where >= 0, (post["id"], formula)
            at, total = where + len(formula), total + 1
    assert total > 2000
