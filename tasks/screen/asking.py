"""Rules on what is asked: nothing, a proof, or one of two words. Pure."""

from __future__ import annotations

import re

from tasks.screen.post import Post
from tasks.screen.text import VALUE_ASK

_ASK = re.compile(
    r"""\?|_{2,}|\.{4,}\s*$|[=:]\s*(?:\\?[$\])]|\W)*$
      | \b(?:find|compute|determine|calculate|evaluate|simplify|solve|count|factor|factori[sz]e|expand|express|write
        |prove|show|verify|demonstrate|establish|derive|give|state|list|name|choose|select|round|convert|reduce|rewrite
        |graph|plot|sketch|draw|estimate|approximate|describe|explain|classify|identify|construct|design|provide
        |maximi[sz]e|minimi[sz]e|integrate|differentiate|complete|fill|use|rationali[sz]e|decide|obtain|answer
        |what|which|how|who|when|where|why|whether|is\ there|are\ there|multiply|add|subtract|divide|combine
        |perform|assume|set\ up|check|order|arrange|put|make|match|locate|label|translate|true\ or\ false
        |enter|indicate|report|disprove|deduce|justify|discuss|repeat|pick|equals?|equal\ to|is:?\s*$
        |find(?:ing)|calculating|evaluating|solving|proving|computing|determining|showing|need|want|looking|help)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def not_a_question(post: Post) -> str | None:
    """Only talk, or no asking word at all; where a source answer exists something was asked (fill in the gap)."""
    if post.answer is not None and post.text:
        return None
    asked = bool(post.core) and _ASK.search(post.text)
    return None if asked or VALUE_ASK.search(post.text) or _WISH.search(post.text) else post.text


_PROVE = re.compile(
    r"""(?:^\W*(?:\w{1,3}[.)]\s+)?(?:please\s+|hence\s+|then\s+)?|,\s+(?:then\s+)?)
        (?:(?:dis)?prove\b(?!\s+or\s+(?:find|compute|determine))|(?:show|verify|demonstrate|establish|justify|deduce)
         \s+(?:that|there|the\ identity)\b)
      | ^\W*(?:give|find|provide|write)\s+an?\s+(?:\w+\s+)?proof\b
      | \bhow\s+(?:do|can|could|would|should|to)\s+(?:i\s+|you\s+|we\s+|one\s+)?(?:prove|show\s+that)\b
      | \b(?:elementary|easy|simple|direct|short|other)\s+way\s+to\s+(?:prove|show\s+that)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


_WISH = re.compile(
    r"\b(?:i|we|someone|somebody|anyone)\s(?:[^.?!]{0,30}\s)?(?:prov(?:e|ing)|show(?:ing)?\s+that)\b"
    r"|\b(?:explain|intuition|approach|references?|go\ wrong)\b[^.!]{0,200}\?",
    re.IGNORECASE,
)
"""A task that is wrapped in talk about its author."""
_WANTS_PROOF = re.compile(
    r"\bi\s+(?:need|want|have|would\s+like|am\s+trying)\s+to\s+(?:prove|show\s+that)\b|\bhelp\s+me\s+(?:in\s+)?prov",
    re.I,
)


def proof(post: Post) -> str | None:
    """The task is to prove, and no value is asked for beside it."""
    if not post.says("prov", "proof", "show", "verif", "demonstrat", "establish", "justify", "deduce"):
        return None
    told = [sentence for sentence in post.core if _PROVE.search(sentence)]
    wanted = _WANTS_PROOF.search(post.text)
    if not told and wanted and not VALUE_ASK.search(post.text):
        return wanted.group()
    if not told or any(VALUE_ASK.search(_PROVE.sub(" ", sentence)) for sentence in post.core):
        return None
    return told[0]


TWO_WORDS = re.compile(
    r"^\W*(?:(?:text|mathrm|mathbf|textbf)\s*\{\s*)?(?:yes|no|true|false)\b\s*(?:$|[}$]+\W*$|[.!;:(](?!\s*of\b)|,(?!\s*and\b)|(?:because|since)\b)",
    re.IGNORECASE,
)
_YES_NO = re.compile(
    r"""^\W*(?:(?:so|then|but|specifically,|(?:if|given|suppose|when)\b[^?.]{1,120},)\s+)?
        (?:is|are|was|were|do|does|did|can|could|will|would|must|has|have|should)\s
        (?!there\s+an?\s+(?:\w+\s+)?(?:way|method|formula|closed|expression)\b)
        (?!.*\b(?:or\s+(?:not\s+)?(?:neither|both|some)|what|which|how|where|find|if\s+so|references?|books?
               |intuiti\w+|explain|an?\s+(?:\w+\s+)?way)\b).*\?\W*$
      | ^\W*(?:determine|decide|state|check|find\ out|tell)\s+(?:if|whether)\s
        (?!.*\b(?:if\s+so|find|what|which|how|compute|calculate|value)\b)
      | ^\W*true\s+or\s+false\b
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def yes_no(post: Post) -> str | None:
    if post.answer is not None:
        return f"answer: {post.answer}" if TWO_WORDS.match(post.answer) else None
    if not post.core or not _YES_NO.match(post.core[-1]):
        return None
    return None if any(VALUE_ASK.search(sentence) for sentence in post.core[:-1]) else post.core[-1]
