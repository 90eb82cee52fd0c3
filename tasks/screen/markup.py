r"""Forum markup as plain text with its LaTeX untouched. Pure.

Stack Exchange keeps posts as HTML in which formulas are text between dollars; other forums show a formula as a
picture whose `alt` is the LaTeX, or as a MathJax script. A text that has no sign of HTML is left as it is but for
entities: in "a<b and c>d" nothing is a tag.
"""

from __future__ import annotations

import html
import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

_NAMES = (
    r"p|br|div|li|ul|ol|hr|blockquote|pre|b|i|em|strong|span|u|s|strike|del|code|kbd|sub|sup|a|img|h[1-6]"
    r"|table|thead|tbody|tr|td|th|dl|dt|dd|script|style"
)
_TAG = rf"/?(?:{_NAMES})(?:\s+[\w-]+\s*=[^<>]{{0,1000}}|\s{{0,9}})/?>"
_IS_HTML = re.compile(rf"</(?:{_NAMES})\s{{0,9}}>|<(?:p|br|hr)\s{{0,9}}/?>|<img\s[^<>]{{0,1000}}>", re.IGNORECASE)
_NO_TAG = re.compile(rf"<(?!{_TAG})", re.IGNORECASE)
_MOST_TAGS = 30_000  # the parser's time grows with the square of how deep they are nested: such a text stays as it is
_MANY_LINES = re.compile(r"\n\s*\n\s*\n")
_BLOCKS = "p, div, ul, ol, blockquote, pre, h1, h2, h3, h4, h5, h6, table, tr, dl, dt, dd, hr"


def plain(post: str) -> str:
    r"""The post without HTML; a picture becomes `[image]`, line ends are of one kind.

    >>> plain("<p>Let $a&lt;b$.</p><ol><li>Find 2<sup>a</sup>.</li></ol>")
    'Let $a<b$.\n\n1. Find 2^{a}.'
    """
    is_html = _IS_HTML.search(post) and post.count("<") <= _MOST_TAGS
    text = _untagged(post) if is_html else html.unescape(post)
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _untagged(post: str) -> str:
    body = LexborHTMLParser(_NO_TAG.sub("&lt;", post)).body
    if body is None:
        return ""
    for script in body.css("script"):
        script.replace_with(_script(script))
    for style in body.css("style"):
        style.decompose()
    for image in body.css("img"):
        image.replace_with(_image(image))
    for line_break in body.css("br"):
        line_break.replace_with("\n")
    for name, sign in (("sup", "^"), ("sub", "_")):
        for node in body.css(name):
            node.insert_before(f"{sign}{{")
            node.insert_after("}")
    for items in body.css("ol, ul"):
        for number, item in enumerate((one for one in items.iter() if one.tag == "li"), start=1):
            item.insert_before(f"\n{number}. " if items.tag == "ol" else "\n- ")
    for cell in body.css("td, th"):
        cell.insert_after(" | ")
    for block in body.css(_BLOCKS):
        block.insert_before("\n")
        block.insert_after("\n")
    return _MANY_LINES.sub("\n\n", body.text(deep=True).replace("\xa0", " "))


def _script(node: LexborNode) -> str:
    """MathJax's source of a formula; any other script says nothing."""
    kind = node.attributes.get("type") or ""
    if not kind.startswith("math/tex"):
        return ""
    sign = "$$" if "mode=display" in kind else "$"
    return f"{sign}{node.text(deep=True)}{sign}"


def _image(node: LexborNode) -> str:
    """A formula that is shown as a picture, by its `alt`; else a picture."""
    alt = (node.attributes.get("alt") or "").strip()
    return alt if alt.startswith(("$", "\\(", "\\[")) else "[image]"
