"""Normal forms of an answer as text: markup off, signs unified, plain-text mathematics as LaTeX. Pure.

Nothing here knows what an answer means; the rules that do are in `rules` (exact) and `symbolic` (sympy).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_SIGNS = {
    "−": "-", "–": "-", "×": r" \times ", "·": r" \cdot ", "⋅": r" \cdot ", "÷": "/", "∕": "/",
    "≤": r" \le ", "≥": r" \ge ", "≠": r" \ne ", "≈": r" \approx ", "±": r" \pm ", "∞": r" \infty ",
    "∪": r" \cup ", "∩": r" \cap ", "∈": r" \in ", "∅": r" \emptyset ", "°": r"^{\circ}", "…": r"\ldots ",
    "π": r" \pi ", "θ": r" \theta ", "α": r" \alpha ", "β": r" \beta ", "φ": r" \phi ", "λ": r" \lambda ",
    "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "‘": "'", "’": "'", "“": '"', "”": '"',
}  # fmt: skip
_MARKUP = (
    (re.compile(r"\\\$"), ""),  # a price: the currency is a unit
    (re.compile(r"\$+|(?<!\\)\\[\[\]()]|`"), ""),
    (re.compile(r"(?<=\d)(?:\{,\}|\\,|\\!,?|,\\!)(?=\d{3})"), ""),
    (re.compile(r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])"), ""),
    (re.compile(r"(?<!\\)\\(?:[,;:! ]|(?:displaystyle|limits)(?![a-zA-Z])|q?quad)|~"), " "),
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\(?:mathrm|mathbf|mathit|operatorname)\s*\{\s*([^\W\d_msghlLNJWVKF])\s*\}"), r"\1"),
    (re.compile(r"\\(?:mathrm|mathbf|textbf|textrm|textit|mbox|operatorname|mathit|bf|rm)(?=\s*\{)"), r"\\text"),
    # One letter is a symbol, however it is set, but behind a number it is a unit.
    (re.compile(r"(?<![\d})])(?<![\d})] )\\text\s*\{\s*([A-Za-z])\s*\}"), r"\1"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\(?:leq|leqslant)(?![a-zA-Z])"), r"\\le"),
    (re.compile(r"\\(?:geq|geqslant)(?![a-zA-Z])"), r"\\ge"),
    (re.compile(r"\\(?:neq)(?![a-zA-Z])"), r"\\ne"),
    (re.compile(r"<="), r" \\le "),
    (re.compile(r"(?<!=)>="), r" \\ge "),
    (re.compile(r"!="), r" \\ne "),
    (re.compile(r"\\lt(?![a-zA-Z])"), "<"),
    (re.compile(r"\\gt(?![a-zA-Z])"), ">"),
    (re.compile(r"\\(?:dots|cdots|dotsc|dotsb|dotsm)(?![a-zA-Z])|\.\.\."), r"\\ldots"),
    (re.compile(r"\s+"), " "),
)
_ARRAY = re.compile(r"[\[(]\s*\\begin\{array\}\s*\{[a-z|]*\}(.*?)\\end\{array\}\s*[\])]", re.DOTALL)
_UNBOX = re.compile(r"^\\(?:boxed|fbox)\s*\{(.*)\}$", re.DOTALL)
_END = re.compile(r"(?:[\s.,;:]|\\\\|\\$)+$")
_JOIN = re.compile(r"\s*,?\s*(?:\\text\s*\{\s*,?\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z]))\s*", re.I)
_OF_A_SET = re.compile(r"[,;:|]|\\mid(?![a-zA-Z])")
_BRACES = 5  # braces round a whole answer that are taken off
_UNIT = re.compile(r"(?<=[\d}\)])\s*\\text\s*\{([^{}]*)\}(?:\s*\^\s*\{?\d\}?)?")
FUNCTIONS = (
    *("arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "sin", "cos", "tan", "cot", "sec", "csc"),
    *("log", "ln", "exp", "max", "min", "gcd", "lcm"),
)
GREEK = ("pi", "theta", "alpha", "beta", "gamma", "lambda", "infty")
_COMMAND_NAME = re.compile(rf"(?<![\\a-zA-Z])({'|'.join((*FUNCTIONS, *GREEK))})(?![a-zA-Z])")


def plain(text: str) -> str:
    """The answer without dollar signs, boxes, spacing commands, typographic signs and end punctuation."""
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+", lambda m: f"^{{{m.group().translate(_SUPERSCRIPTS)}}}", text)
    text = re.sub(r"√\s*(\w+|(?=\())", lambda m: rf"\sqrt{{{m.group(1)}}}" if m.group(1) else "sqrt", text)
    for sign, latex in _SIGNS.items():
        text = text.replace(sign, latex)
    text = unicodedata.normalize("NFKC", text)
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    text = _ARRAY.sub(r"\\begin{pmatrix}\1\\end{pmatrix}", text).strip()
    bare = _unbraced(_END.sub("", text).strip())
    boxed = _UNBOX.match(bare)
    if boxed and _balanced(boxed.group(1)):
        return plain(boxed.group(1))
    return bare


def _unbraced(text: str) -> str:
    """The text without braces round the whole of it, unless they may be those of a set."""
    for _ in range(_BRACES):
        if not text.startswith("{") or _OF_A_SET.search(text) or closing(text, 0) != len(text) - 1:
            break
        text = text[1:-1].strip()
    return text


def key(text: str) -> str:
    """What two spellings of one answer share: `plain`, without spaces; words in lower case.

    >>> key(r"$\\dfrac{1}{2}$.") == key(r"\\frac {1}{2}")
    True
    """
    if is_words(bare := plain(text)):
        bare = re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", bare).casefold()
        return re.sub(r"[\s.,;:!?'\"-]+", " ", bare).strip()
    return _JOIN.sub(",", bare).replace(" ", "")


def is_words(bare: str) -> bool:
    """Whether a `plain` text is nothing but words: two letters or more, and no signs but punctuation."""
    unset = re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", bare)
    return len(re.findall(r"[^\W\d_]", unset)) >= 2 and not re.search(r"[^\w\s.,;:!?'\"-]|[\d_]", unset)


def units(bare: str) -> tuple[str, ...]:
    r"""The texts set right behind a number in a `plain` text, as in `15\text{ cm}^2`."""
    return tuple(unit.group(0).replace(" ", "") for unit in _UNIT.finditer(_JOIN.sub(", ", bare)))


def latex(bare: str) -> str:
    r"""A `plain` text as LaTeX that a LaTeX parser reads as meant: `sqrt(3)/2`, `C(n, 2)`, `2^(n-1)`, `a and b`."""
    text = _UNIT.sub("", _JOIN.sub(", ", bare)).replace(";", ",").replace("**", "^")
    text = re.sub(r"(?<=[\w})])\s*\\approx.*$", "", text) if len(text.partition(r"\approx")[0].strip()) > 2 else text
    text = text.replace(r"\approx", "=")
    text = _call(text, r"(?<![\\a-zA-Z])sqrt\s*(?=\()", lambda inside: rf"\sqrt{{{inside}}}")
    text = _call(text, r"(?<![\\a-zA-Z])exp\s*(?=\()", lambda inside: f"e^{{{inside}}}")
    text = _call(text, r"(?<![\\a-zA-Z])C\s*(?=\([^()]*,[^()]*\))", _binomial)
    text = _call(text, r"\^\s*(?=\()", lambda inside: f"^{{{inside}}}")
    text = _call(text, r"_\s*(?=\()", lambda inside: f"_{{{inside}}}")
    text = re.sub(r"(?<![\w.)}^/])(\d+)/(\d+)(?=\s+[\\a-zA-Z(])", r"\\frac{\1}{\2}", text)
    text = re.sub(r"(?<![\\a-zA-Z])sum(?=_)", r"\\sum", text)
    text = _COMMAND_NAME.sub(r"\\\1", text)
    text = re.sub(r"\^\s*(-?\d{2,})", r"^{\1}", text)
    return text.replace("*", r" \cdot ")


def _binomial(inside: str) -> str:
    top, _, bottom = inside.partition(",")
    return rf"\binom{{{top.strip()}}}{{{bottom.strip()}}}"


def _call(text: str, head: str, rewrite: Callable[[str], str]) -> str:
    """Rewrite every `head(...)`, innermost last, where `head` is a pattern that ends before the parenthesis."""
    for match in reversed(list(re.finditer(head, text))):
        close = closing(text, match.end())
        if close is not None:
            text = text[: match.start()] + rewrite(text[match.end() + 1 : close]) + text[close + 1 :]
    return text


def closing(text: str, opening: int) -> int | None:
    """Where the bracket that opens at `opening` closes, or None. Escaped brackets do not count."""
    left = text[opening : opening + 1]
    right = {"(": ")", "{": "}", "[": "]"}.get(left)
    if right is None:
        return None
    depth = 0
    for match in re.compile(rf"\\.|[{re.escape(left + right)}]", re.DOTALL).finditer(text, opening):
        depth += {left: 1, right: -1}.get(match.group(), 0)
        if depth == 0:
            return match.start()
    return None


def _balanced(text: str) -> bool:
    return closing("{" + text + "}", 0) == len(text) + 1
