"""Rules that need no model: each names a row that cannot be used, and only where it is sure. Pure.

What a rule cannot be sure of is left to the model, so every pattern here is judged by what it drops
wrongly. Where such rules are known to be fooled: "in what year will the census show that ...",
"find, with proof, ...", a column puzzle with columns A to E, conditions marked (a) and (b).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tasks.screen.reasons import Reason
from tasks.screen.text import VALUE_ASK, core, plain

_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """A drop by rule: the reason, and the words that gave it away (at most 120 characters)."""

    reason: Reason
    matched: str


@dataclass(frozen=True, slots=True)
class Post:
    """What the rules look at: the whole text, the sentences that state the problem, the source answer."""

    text: str
    core: tuple[str, ...]
    answer: str | None


Rule = Callable[[Post], str | None]

_ASK = re.compile(
    r"""\?|_{2,}|\.{4,}\s*$|[=:]\s*(?:\\?[$\])]|\W)*$
      | \b(?:find|compute|determine|calculate|evaluate|simplify|solve|count|factor|factori[sz]e|expand|express|write
        |prove|show|verify|demonstrate|establish|derive|give|state|list|name|choose|select|round|convert|reduce|rewrite
        |graph|plot|sketch|draw|estimate|approximate|describe|explain|classify|identify|construct|design|provide
        |maximi[sz]e|minimi[sz]e|integrate|differentiate|complete|fill|use|rationali[sz]e|decide|obtain|answer
        |what|which|how|who|when|where|why|whether|is\ there|are\ there|multiply|add|subtract|divide|combine
        |perform|assume|set\ up|check|order|arrange|put|make|match|locate|label|translate|true\ or\ false
        |enter|indicate|report
        |find(?:ing)|calculating|evaluating|solving|proving|computing|determining|showing|need|want|looking|help)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _not_a_question(post: Post) -> str | None:
    """Only talk, or no asking word at all; where a source answer exists something was asked (fill in the gap)."""
    asked = bool(post.core) and (post.answer is not None or _ASK.search(post.text))
    return None if asked else post.text


_PROVE = re.compile(
    r"""(?:^\W*(?:\w{1,3}[.)]\s+)?(?:please\s+|hence\s+|then\s+)?|,\s+(?:then\s+)?)
        (?:(?:dis)?prove\b(?!\s+or\s+(?:find|compute|determine))|(?:show|verify|demonstrate|establish)
         \s+(?:that|there|the\ identity)\b)
      | ^\W*(?:give|find|provide)\s+an?\s+(?:\w+\s+)?proof\b
      | \bhow\s+(?:do|can|could|would|should|to)\s+(?:i\s+|you\s+|we\s+|one\s+)?(?:prove|show\s+that)\b
      | \bi\s+(?:need|want|have|would\ like|am\ trying)\s+to\s+(?:prove|show\s+that)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _proof(post: Post) -> str | None:
    told = [sentence for sentence in post.core if _PROVE.search(sentence)]
    if not told or any(VALUE_ASK.search(_PROVE.sub(" ", sentence)) for sentence in post.core):
        return None
    return told[0]


_TWO_WORDS = re.compile(
    r"^\W*(?:yes|no|true|false)\b\s*(?:$|[.!;:(](?!\s*of\b)|,(?!\s*and\b)|because\b)", re.IGNORECASE
)
_YES_NO = re.compile(
    r"""^\W*(?:so\s+|then\s+|but\s+|specifically,\s+)?
        (?:is|are|was|were|do|does|did|can|could|will|would|must|has|have|should)\s
        (?!there\s+an?\s+(?:\w+\s+)?(?:way|method|formula|closed|expression)\b)
        (?!.*\b(?:or\s+(?:not\s+)?(?:neither|both|some)|what|which|how|where|find|if\s+so)\b).*\?\W*$
      | ^\W*(?:determine|decide|state|check|find\ out|tell)\s+(?:if|whether)\s
        (?!.*\b(?:if\s+so|find|what|which|how|compute|calculate|value)\b)
      | ^\W*true\s+or\s+false\b
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def _yes_no(post: Post) -> str | None:
    if post.answer is not None:
        return f"answer: {post.answer}" if _TWO_WORDS.match(post.answer) else None
    if not post.core or not _YES_NO.match(post.core[-1]):
        return None
    return None if any(VALUE_ASK.search(sentence) for sentence in post.core[:-1]) else post.core[-1]


_OPTION = re.compile(
    r"""(?:^|[\s\\{$~?.,;:])(?:\\(?:text|textbf|mathrm|mathbf|bf|rm)\s*\{?\s*)?
        (?:\(\s*([A-E])\s*\)|(?:(?<=\n)|(?<=\s\s)|(?<=\?\s)|(?<=:\s))([A-E])\s?[.)])(?!\s*(?:,|and\b|or\b))""",
    re.VERBOSE,
)
_SMALL_OPTION = re.compile(r"(?:^|\s)\(?([a-e])\)\s")
_CHOOSE = re.compile(
    r"\b(?:which\s+(?:one\s+)?of\s+(?:the\s+following|these)|(?:choose|select|pick)\s+(?:the|one|an?)\b)", re.I
)
_LETTER = re.compile(r"^\W*(?:\\(?:text|textbf|mathrm)\s*\{)?\W*[A-E](?:\W+(?:and\s+)?[A-E])*\W*$")


def _in_order(labels: list[str]) -> bool:
    return "".join(labels).upper().startswith("ABC")


def _multiple_choice(post: Post) -> str | None:
    lettered = post.answer is None or bool(_LETTER.match(post.answer))
    labels = [a or b for a, b in _OPTION.findall(post.text)]
    if _in_order(labels) and lettered:
        return f"options {', '.join(labels)}"
    chosen = _CHOOSE.search(post.text)
    if chosen and _in_order(_SMALL_OPTION.findall(post.text)):
        return chosen.group()
    return None


_LABEL = r"([a-d]|[1-4]|iv|i{1,3})"
_PART = re.compile(rf"(?:(?<!\S)\({_LABEL}\)|^(?:part\s+)?{_LABEL}[.)](?=\s))\s*", re.IGNORECASE | re.MULTILINE)
_PART_ASK = re.compile(rf"^\W*(?:if\b[^.?]{{0,80}},\s+)?(?:{VALUE_ASK.pattern}|(?i:prove|show)\b)", re.VERBOSE)
_QUESTION = re.compile(
    r"^\W*(?:and\s+)?(?:what\s+(?:is|are|was|were|will)|how\s+(?:many|much|long|far)|in\s+how\s+many)\b.*\?",
    re.I | re.DOTALL,
)


def _multi_part(post: Post) -> str | None:
    text = "\n".join(post.core)
    marks = list(_PART.finditer(text))
    parts = [text[mark.end() : mark.end() + 200] for mark in marks]
    asking = [mark.group().strip() for mark, part in zip(marks, parts, strict=True) if _PART_ASK.match(part)]
    if len(set(asking)) > 1:
        return f"parts {', '.join(asking)}"
    questions = [sentence for sentence in post.core if _QUESTION.match(sentence)]
    return " / ".join(questions) if len(questions) > 1 else None


_PICTURE = r"(?:figure|diagram|picture|image|drawing|illustration|photo|screenshot|sketch)"
_SHOWS = re.compile(
    rf"""\b(?:in|from|on)\s+the\s+(?:(?:given|following|adjoining|accompanying|attached)\s+)?(?:figure|diagram)\b(?!\s+of\b)
      | \bsee\s+(?:the\s+)?(?:\w+\s+)?{_PICTURE}\b
      | \b(?:{_PICTURE}|graph)\s+(?:shown|below|above|attached|to\ the\ (?:left|right))\b
      | \b(?:shown|pictured|illustrated|depicted)\s+(?:\w+\s+)?in\s+the\s+(?:\w+\s+)?{_PICTURE}\b
      | \battached\s+(?:{_PICTURE}|file|graph)\b | \[(?:image|img|attachment|figure)\b[^\]]{{0,80}}\]
      | !\[[^\]]{{0,80}}\]\( | \bpictured\s+(?:below|above|here)\b | \bas\s+shown\s+(?:below|above)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_DRAWN = re.compile(
    r"\[asy\]|\\begin\{(?:tikzpicture|tabular|array|picture|asy|[pbvV]?matrix)\}|\\draw\b|<svg\b|\|\s*:?-{3,}"
)


def _missing_image(post: Post) -> str | None:
    found = _SHOWS.search(post.text)
    return found.group() if found and not _DRAWN.search(post.text) else None


_SPACING = re.compile(r"\\[,;!: ]|\\(?:left|right|displaystyle|dfrac|tfrac)\b|[\s${}]|\\[()\[\]]")
_STATED = re.compile(
    r"(?:\b(?:answer|solution|result)\s*(?:key\s+(?:says|gives)\s*|is|=|:|was|should\s+be|comes\s+out\s+(?:to\s+be|as))|\\boxed)[\s:{$=(]*",
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


def _answer_leaked(post: Post) -> str | None:
    answer = _bare(post.answer or "")
    if not 0 < len(answer) <= _LONGEST_STATED or _TWO_WORDS.match(answer):
        return None
    for said in _STATED.finditer(post.text):
        if _starts_with(post.text[said.end() : said.end() + 2 * len(answer) + 40], answer):
            return said.group() + (post.answer or "")
    last = post.core[-1] if post.core else ""
    ends = len(answer) >= 5 and not VALUE_ASK.search(last) and _bare(last).endswith((f"={answer}", f"is{answer}"))
    return last if ends else None


_NO_ANSWER = re.compile(
    r"""^\W*(?:see\s+(?:below|above|solution|the|attached|proof|my|link|comments?)\b.*|it\s+depends\b.*|depends\s+on\b.*
      |proof|the\s+proof\b.*|proved|q\.?e\.?d|(?:left\s+)?(?:as\s+)?(?:an\s+)?exercise\b.*|answers?\s+(?:may\s+)?var(?:y|ies)\b.*
      |not\s+(?:sure|known|given|available|provided)|unknown|n/?a|no\s+answer|tbd|todo|various|open\s+(?:problem|question)
      |omitted|trivial|obvious|clear|\?+|-+|because\b.*|explanation\b.*|see)\W*$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")


def _unverifiable(post: Post) -> str | None:
    if post.answer is None:
        return None
    paragraph = len(_WORD.findall(post.answer)) > 25
    return f"answer: {post.answer}" if paragraph or _NO_ANSWER.match(post.answer) else None


RULES: tuple[tuple[Reason, Rule], ...] = (
    (Reason.MISSING_IMAGE, _missing_image),
    (Reason.MULTIPLE_CHOICE, _multiple_choice),
    (Reason.NOT_A_QUESTION, _not_a_question),
    (Reason.MULTI_PART, _multi_part),
    (Reason.PROOF, _proof),
    (Reason.YES_NO, _yes_no),
    (Reason.ANSWER_LEAKED, _answer_leaked),
    (Reason.UNVERIFIABLE, _unverifiable),
)
"""The rules in the order they are tried; the first that is sure gives the reason."""


def screen(question: str, answer: str | None) -> Finding | None:
    """The first rule that is sure the row cannot be used, or None. `answer` is the source's, None if it has none."""
    post = Post(text=plain(question), core=tuple(core(question)), answer=(answer or "").strip() or None)
    for reason, rule in RULES:
        matched = rule(post)
        if matched is not None:
            return Finding(reason, " ".join(matched.split())[:_SHOWN])
    return None
