"""Rules on the source's answer: stated in the question, or nothing that a program could compare. Pure."""

from __future__ import annotations

import re

from tasks.screen.asking import TWO_WORDS
from tasks.screen.post import Post
from tasks.screen.text import VALUE_ASK

_SPACING = re.compile(r"\\[,;!: ]|\\(?:left|right|displaystyle|dfrac|tfrac)\b|[\s${}]|\\[()\[\]]")
_STATED = re.compile(
    r"(?:\b(?:(?:answer|solution)\s*=|(?:answer|solution|result)\s*(?:(?:key|manual)\s+(?:says|gives)\s*|is|:|was|should\s+be|comes\s+out\s+(?:to\s+be|as)))|\bans\b\.?\s*[:=]|\\boxed|\b(?:teacher|book|manual|calculator)\s+says\s+(?:it\s+is\s+)?|\bit\s+should\s+equal\b)[\s:{$=(*]*",
    re.I,
)


def _bare(text: str) -> str:
    return _SPACING.sub("", text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")).rstrip(".,;!?").casefold()


_SAID_UP_TO = re.compile(r"$|[\s;!?)}$:]|[.,](?!\d)")
_LONGEST_STATED = 200


def _starts_with(text: str, answer: str) -> bool:
    """Whether the text begins with the whole answer, not with a longer expression ("1.5" does not say 1)."""
    return _bare(text).startswith(answer) and any(
        _bare(text[:end]) == answer and _SAID_UP_TO.match(text, end) for end in range(1, len(text) + 1)
    )


def answer_leaked(post: Post) -> str | None:
    """The text says that the answer is the source's, or ends with the equation that states it."""
    answer = _bare(post.answer or "")
    if not 0 < len(answer) <= _LONGEST_STATED or TWO_WORDS.match(answer):
        return None
    stated = post.says("answer", "solution", "result", "ans", "boxed", "says", "equal")
    for said in _STATED.finditer(post.text) if stated else ():
        begins = (said.end(), said.end() - 1) if said.group().endswith("(") else (said.end(),)
        if any(_starts_with(post.text[at : at + 2 * len(answer) + 40], answer) for at in begins):
            return said.group() + (post.answer or "")
    last = post.core[-1] if post.core else ""
    ends = len(answer) >= 5 and _bare(last).endswith((f"={answer}", f"is{answer}"))
    return last if ends and not VALUE_ASK.search(last) else None


_NO_ANSWER = re.compile(
    r"""^\W*(?:see\s+(?:below|above|solution|the|attached|proof|my|link|comments?)\b.*|it\s+depends\b.*|depends\s+on\b.*
      |proof(?:\s+by\b.*)?|the\s+proof\b.*|draw\s+the\s+graph|proved|q\.?e\.?d|(?:left\s+)?(?:as\s+)?(?:an\s+)?exercise\b.*|left\s+to\s+the\s+reader|answers?\s+(?:may\s+)?var(?:y|ies)\b.*
      |not\s+(?:sure|known|given|available|provided)|unknown|n/?a|no\s+answer|tbd|todo|various|open\s+(?:problem|question)
      |omitted|trivial|obvious|clear|\?+|-+|because\b.*|explanation\b.*|see)\W*$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")


_OPEN = re.compile(
    r"""^\W*(?:(?:can|could)\ (?:you|someone|anyone)\ (?:please\ )?)?(?:
        explain\b | describe\ the\ (?:difference|relation|connection)\b | discuss\b | sketch\b
      | why\ (?:do|does|is|are|should|would)\b | give\ an\ example\b | write\ down\ any\b
      | what\ (?:is|are|would\ be)\ (?:the\ |some\ |a\ )?(?:best|good|motivation|intuition|meaning|idea|point)\b
      | what\ does\ it\ mean\b | how\ should\ i\ approach\b | where\ did\ i\ go\ wrong\b
      | does\ (?:anyone|anybody|someone)\ (?:have|know)\b.*\b(?:references?|books?|sources?|notes)\b)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def unverifiable(post: Post) -> str | None:
    """The source's answer is none; or there is none, and an explanation, an example or a book is asked for."""
    if post.answer is None:
        opened = _OPEN.match(post.text)
        return opened.group() if opened and not any(VALUE_ASK.search(one) for one in post.core[1:]) else None
    paragraph = len(_WORD.findall(post.answer)) > 25
    return f"answer: {post.answer}" if paragraph or _NO_ANSWER.match(post.answer) else None
