r"""When two texts are the same problem beyond doubt: equal normal forms. Pure.

An equal form drops a row without a model call, as a duplicate or as contaminated, so nothing that carries
meaning may be lost: digits keep their decimal points and commas (22.5 is not 225), brackets, braces, `_`, `!` and
`%` stay, and so does the code of [asy] drawings. Measured on MATH: without the drawings 27 pairs of problems with
other answers ("What is the value of x in the diagram?") become equal; without decimal points one more does. What
is missed here is still found by embedding and judged.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from tasks.rows.problem import normal_text

_SIGNS = str.maketrans(
    {"−": "-", "–": "-", "‐": "-", "×": r"\times ", "·": r"\cdot ", "≤": r"\le ", "≥": r"\ge "}
    | {high: f"^{digit}" for digit, high in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}  # NFKC alone makes 10² into 102
    | {low: f"_{digit}" for digit, low in enumerate("₀₁₂₃₄₅₆₇₈₉")}
)
_SPELLINGS = (
    (re.compile(r"\\[dtc]frac(?![a-z])"), r"\\frac"),
    (re.compile(r"\\(le|ge|ne)q(?![a-z])"), r"\\\1"),
    (re.compile(r"\\(?:displaystyle|limits|quad|qquad|left|right|[bB]igg?[lrm]?)(?![a-zA-Z])"), " "),
    (re.compile(r"\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\(?:text|rm|bf)(?![a-zA-Z])"), " "),
    (re.compile(r"\{,\}|,\\!"), ","),
    (re.compile(r"[_^]\{\s*\}"), ""),
    (re.compile(r"\\[,;:!()\[\]\\ ]|[$~&]"), " "),
)
_SPACE = re.compile(r"\s+")
_ONE_IN_BRACES = re.compile(r"\{([^{}\\])\}")
_KEPT = frozenset("+-=<>/^_*|!()[]{}%.,")
_SENTENCE_END = re.compile(r"[.,](?!\d)|(?<!\d),")


def normal_form(text: str) -> str:
    r"""The text with case, white space, sentence punctuation and LaTeX spelling taken away.

    >>> normal_form("Find $\\dfrac12 x$, if $x^{2} \\leq 22.5$.")
    'findfrac12xifx^2le22.5'

    Texts of one `problem_id` have one form. The empty string means that the text has no content to compare.
    """
    text = _SPACE.sub("", spelt(text))
    text = _ONE_IN_BRACES.sub(r"\1", text)
    text = "".join(filter(_has_meaning, text))
    return _SENTENCE_END.sub("", text)


def spelt(text: str) -> str:
    """The text in lower case with one spelling for signs and LaTeX commands; its spaces and punctuation stay."""
    text = unicodedata.normalize("NFKC", normal_text(text).translate(_SIGNS))
    for pattern, plain in _SPELLINGS:
        text = pattern.sub(plain, text)
    return text.lower()


@cache
def _has_meaning(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return sign in _KEPT or kind[0] in "LMN" or kind == "Sm"
