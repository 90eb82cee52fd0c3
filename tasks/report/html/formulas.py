"""Text with LaTeX as HTML that is safe to show: formulas become MathML, everything else stays the text that it is.

The text is hostile. A formula is only ever rearranged by latex2mathml, never run, and takes time in proportion to
its length, which is bounded; of what comes out, elements and attributes that draw mathematics are written, all text
in it escaped. One that cannot be read is shown as its source.
"""

from __future__ import annotations

import re
from html import escape, unescape
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from markupsafe import Markup

LONGEST_TEXT, LONGEST_FORMULA = 3_000, 1_000
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_ENVIRONMENTS = "align|aligned|equation|gather|multline|eqnarray|cases|matrix|pmatrix|bmatrix|array"
_FORMULA = re.compile(
    r"\$\$(?P<display>.+?)\$\$|\\\[(?P<bracket>.+?)\\\]|\\\((?P<paren>.+?)\\\)"
    rf"|(?P<environment>\\begin\{{(?P<name>(?:{_ENVIRONMENTS})\*?)\}}.+?\\end\{{(?P=name)\}})"
    r"|(?<![\\$])\$(?=[^\s$])(?P<inline>[^$]*?[^\s\\$])\$(?!\d)",
    re.DOTALL,
)
_ELEMENTS = {
    *(
        "math",
        "mrow",
        "mi",
        "mn",
        "mo",
        "ms",
        "mtext",
        "mspace",
        "mfrac",
        "msqrt",
        "mroot",
        "msub",
        "msup",
        "msubsup",
    ),
    *("munder", "mover", "munderover", "mmultiscripts", "mprescripts", "mtable", "mtr", "mtd", "menclose"),
    *("mphantom", "mpadded", "mstyle"),
}
_SWITCH = re.compile(r"[a-z0-9 +-]{1,80}")
_SIZE = re.compile(r"-?\d{0,2}(?:\.\d{1,4})?(?:em|ex|px|pt|mu)?")
_SWITCHES = (
    *("display", "mathvariant", "stretchy", "fence", "form", "separator", "accent", "movablelimits", "displaystyle"),
    *("scriptlevel", "largeop", "symmetric", "columnalign", "rowalign", "columnlines", "rowlines", "notation"),
)
_SIZES = ("width", "height", "depth", "lspace", "rspace", "minsize", "maxsize", "linethickness")
_ATTRIBUTES = dict.fromkeys(_SWITCHES, _SWITCH) | dict.fromkeys(_SIZES, _SIZE)


def prose(text: str) -> Markup:
    """A text with its formulas drawn; longer ones are cut at `LONGEST_TEXT` characters."""
    shown = _UNSEEN.sub(" ", text)
    cut = shown if len(shown) <= LONGEST_TEXT else f"{shown[:LONGEST_TEXT].rstrip()} \u2026"
    parts, end = [], 0
    for match in _FORMULA.finditer(cut):
        parts += [escape(cut[end : match.start()]), _drawn(match)]
        end = match.end()
    return Markup("".join([*parts, escape(cut[end:])]))  # noqa: S704 - every part is escaped above


def formula(latex: str, is_display: bool = False) -> Markup:
    """One formula, given without delimiters."""
    source = _UNSEEN.sub(" ", latex).strip()
    plain = Markup("<code>{}</code>").format(source)
    if not source or len(source) > LONGEST_FORMULA:
        return plain
    try:
        tree = convert_to_element(source, display="block" if is_display else "inline")
        return Markup(_markup(tree))  # noqa: S704 - only known elements and escaped text
    except Exception:  # whatever it is: what cannot be drawn is shown as it was written
        return plain


def _drawn(match: re.Match[str]) -> Markup:
    environment = match["environment"]
    display = match["display"] or match["bracket"] or environment
    return formula(display or match["paren"] or match["inline"], is_display=display is not None)


def _markup(element: Element) -> str:
    """The element with what is in it, if it is one that draws; else only what is in it."""
    inner = "".join([_text(element.text), *(f"{_markup(child)}{_text(child.tail)}" for child in element)])
    if element.tag not in _ELEMENTS:
        return inner
    kept = [
        f' {name}="{escape(value)}"'
        for name, value in element.attrib.items()
        if name in _ATTRIBUTES and _ATTRIBUTES[name].fullmatch(value)
    ]
    return f"<{element.tag}{''.join(kept)}>{inner}</{element.tag}>"


def _text(text: str | None) -> str:
    """latex2mathml writes signs as references."""
    return escape(_UNSEEN.sub(" ", unescape(text or "")))
