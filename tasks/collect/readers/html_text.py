"""What a post says, without its HTML: what an answer is read from. Pure."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser

MOST_TAGS = 30_000
"""The parser's time grows with the square of how deep tags are nested: a text with more of them stays as it is."""
_BLOCKS = "p, div, li, br, hr, pre, blockquote, h1, h2, h3, h4, h5, h6, tr"


def text_of(post: str) -> str:
    r"""The text of a post, a line for each block; formulas stay as they are.

    >>> text_of('<p>The answer is <span class="math-container">$x&lt;3$</span>.</p><p>Hope it helps</p>')
    'The answer is $x<3$.\nHope it helps'
    """
    if post.count("<") > MOST_TAGS or not (body := LexborHTMLParser(post).body):
        return post
    for block in body.css(_BLOCKS):
        block.insert_after("\n")
    return body.text(deep=True).strip()
