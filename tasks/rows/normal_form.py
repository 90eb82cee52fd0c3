"""The normal form in which two texts are exact copies of each other. Pure.

Unicode compatibility forms, case, white space, punctuation and LaTeX noise (`\\left`, `\\,`, `$`, drawing code)
are dropped; digits, letters of every script and the signs that carry mathematics are kept.
"""

from __future__ import annotations

import re
import unicodedata

from tasks.rows.problem import normal_text

_DRAWING = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL | re.IGNORECASE)
_NOISE = re.compile(r"\\(?:left|right|displaystyle|quad|qquad|[,;:!> ])")
_SAME = ((re.compile(r"\\[dt]frac\b"), r"\\frac"), (re.compile(r"\\(?:leq?|leqslant)\b"), "<="),
         (re.compile(r"\\(?:geq?|geqslant)\b"), ">="))  # fmt: skip
_KEPT_SIGNS = frozenset("+-=<>/^*!|\\%")


def normal_form(text: str) -> str:
    """The text without what does not tell two problems apart; the collapsed text itself if nothing is left.

    Texts of one `problem_id` have one normal form.

    >>> normal_form("Find  $\\\\left(x+1\\\\right)^2$.") == normal_form("find (X + 1)^2")
    True
    """
    plain = _NOISE.sub("", _DRAWING.sub("", unicodedata.normalize("NFKC", normal_text(text))))
    for pattern, replacement in _SAME:
        plain = pattern.sub(replacement, plain)
    kept = "".join(c for c in plain.casefold() if c.isalnum() or c in _KEPT_SIGNS)
    return kept or normal_text(text)
