"""Hostile text as HTML: what draws is drawn, everything else is text, and nothing takes long or fails."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.report.html.formulas import LONGEST_TEXT, formula, prose

DRAWS = {"code", "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup"}
DRAWS |= {"msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd", "menclose", "mphantom", "mpadded"}
DRAWS |= {"mstyle", "ms", "mmultiscripts", "mprescripts"}


class Tags(HTMLParser):
    """The elements and attributes that a browser finds in a fragment."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def read(fragment: str) -> Tags:
    found = Tags()
    found.feed(fragment)
    found.close()
    return found


@pytest.mark.parametrize(
    "text",
    [
        r"Find $\frac{1}{2}$.",
        r"Find \(\frac{1}{2}\).",
        r"Find $$\frac{1}{2}$$",
        r"Find \[\frac{1}{2}\]",
        r"Find \begin{align*}x &= \frac{1}{2}\\ y &= 2\end{align*}",
    ],
)
def test_every_way_to_write_a_formula_is_drawn(text: str) -> None:
    drawn = prose(text)
    assert drawn.startswith("Find <math")
    assert "<mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac>" in drawn
    assert "$" not in drawn and "\\" not in drawn


@pytest.mark.parametrize("text", ["It costs $5 and $6.", r"\$5 and \$6", "a $ b", "$$", "$"])
def test_a_dollar_is_no_formula(text: str) -> None:
    assert prose(text) == text


@pytest.mark.parametrize("latex", [r"\frac{1}{", r"\left( x", "{", r"\begin{cases} 0", "x_", r"\text{<img src=x>}}{"])
def test_what_cannot_be_drawn_is_shown_as_it_is_written(latex: str) -> None:
    shown = read(f"<p>{prose(f'a ${latex}$ b')}</p>")
    assert shown.tags <= DRAWS | {"p"}
    assert shown.text.startswith("a ") and shown.text.endswith(" b")


@pytest.mark.parametrize(
    "latex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\text{&lt;script&gt;alert(1)&lt;/script&gt;}",
        r"\href{javascript:alert(1)}{x}",
        r"\style{background:url(https://example.org)}{x}",
        r"\class{evil}{x}",
        r"\mathrm{</math><script>alert(1)</script>}",
        "<img src=x onerror=alert(1)>",
        r"\operatorname{<svg/onload=alert(1)>}",
        r"\hspace{9999em}x",
        r"\color{red;position:fixed}x",
    ],
)
def test_a_formula_brings_in_no_element_address_or_style(latex: str) -> None:
    for shown in (read(formula(latex)), read(prose(f"${latex}$")), read(prose(latex))):
        assert shown.tags <= DRAWS
        assert not shown.attributes & {"href", "style", "class", "src", "onerror", "onload", "id"}
    assert "9999" not in formula(r"\hspace{9999em}x")


def test_marks_that_turn_writing_round_or_cannot_be_seen_are_gone() -> None:
    assert prose("a\u202eb\u200bc\x00d\ud800e") == "a b c d e"


def test_a_long_text_is_cut_and_says_so() -> None:
    assert len(prose("x" * 10**6)) < LONGEST_TEXT + 10
    assert prose("x" * 10**6).endswith("\u2026")


PIECES = [*"\\{}[]()$_^&#%~<>'\"= x1", r"\frac", r"\left", r"\sqrt", r"\begin{matrix}", r"\text{", "<b>"]
ODD = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=60), ODD))
def test_whatever_the_text_is_it_stays_text(text: str) -> None:
    assert read(prose(text)).tags <= DRAWS
    assert read(formula(text)).tags <= DRAWS


def test_deep_nesting_is_no_fault() -> None:
    for text in ("{" * 900, "_" * 900, r"\sqrt{" * 160, "^{" * 300 + "}" * 300):
        assert read(formula(text)).tags <= DRAWS
