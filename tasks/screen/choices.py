"""Rules on how many things are asked, and among how many answers one is chosen. Pure."""

from __future__ import annotations

import re

from tasks.screen.post import Post
from tasks.screen.text import VALUE_ASK, VERBS

_OPTION = re.compile(
    r"""(?:^|[\s\\{$~?.,;:]|quad)(?:\\(?:text|textbf|mathrm|mathbf|bf|rm)\s*\{?\s*)?
        (?:[(\[]\s*(?:\\text\s*\{)?\s*([A-E])\s*\}?\s*[)\]]|(?:(?<=\n)|(?<=\s\s)|(?<=[?:.]\s))([A-E])\s?[.):])
        (?!\s*(?:,|and\b|or\b|[=+*<>]))""",
    re.VERBOSE,
)
_SMALL_OPTION = re.compile(r"(?:^|\s)\(?([a-e])[.)]\s")
_ROMAN_OPTION = re.compile(r"(?:^|\s)\(?(i{1,3}|iv|I{1,3}|IV)[.)]\s")
_ANY_OPTION = re.compile(r"(?:^|\s)\(?([A-E])[.)]\s")
_COMPLETES = re.compile(r"\b(?:is|equals?|equal\s+to)\s*:?\s*\n\s*\(?a[.)]\s")
_CHOOSE = re.compile(
    r"""\bwhich\s+(?:one\s+)?of\s+(?:the\s+following|these)
      | \b(?:choose|select|pick)\s+(?:the\s+(?:correct|right|best|true)|one\s+of\s+the\s+options|one:
        |all\s+(?:that|statements))
      | \bwhich\s+(?:are|is)\s+(?:true|correct|false)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_LETTER = re.compile(r"^\W*(?:\\?(?:text|textbf|mathrm)\s*\{)?\W*[A-E](?:\W+(?:and\s+)?\W*[A-E])*\W*$")
_SMALL_LETTER = re.compile(r"^\W*[a-e]\W*$")


def _in_order(labels: list[str]) -> bool:
    return "".join(labels).upper().startswith("ABC")


def multiple_choice(post: Post) -> str | None:
    """Options in order with a letter for an answer (or none), or a request to choose among labelled ones."""
    answer = post.answer
    if not post.says("b)", "b.", "b:", "b]", "b}", "ii"):
        return None
    labels = [a or b for a, b in _OPTION.findall(post.text)]
    if _in_order(labels) and (answer is None or _LETTER.match(answer)):
        return f"options {', '.join(labels)}"
    lettered = _in_order(_ANY_OPTION.findall(post.text)) and answer is not None and _LETTER.match(answer)
    if lettered or (answer is None and _COMPLETES.search(post.text)):
        return "options in a row"
    small = _in_order(_SMALL_OPTION.findall(post.text))
    if (
        small
        and answer is not None
        and _SMALL_LETTER.match(answer)
        and not VALUE_ASK.search(post.text.split("(b)")[-1])
    ):
        return "options a, b, c"
    chosen = _CHOOSE.search(post.text)
    if not chosen:
        return None
    roman = [label.lower() for label in _ROMAN_OPTION.findall(post.text)][:2] == ["i", "ii"]
    return chosen.group() if small or roman or _in_order(_ANY_OPTION.findall(post.text)) else None


_LABEL = r"([a-d]|[1-4]|iv|i{1,3})"
_PART = re.compile(rf"(?:(?<!\S)\({_LABEL}\)|^(?:part\s+)?{_LABEL}[.)](?=\s))\s*", re.IGNORECASE | re.MULTILINE)
_LOOSE_PART = re.compile(r"(?:(?<=:\s)|(?<=\$\s))([a-d])\)\s+")
_ASKS_FOR = re.compile(rf"\b(?i:{VERBS})\s+\(a\)\s+the\b")
_PART_ASK = re.compile(
    rf"^\W*(?:if\b[^.?]{{0,80}},\s+)?(?:{VALUE_ASK.pattern}|(?i:prove|show|when|how)\b)", re.VERBOSE
)
_QUESTION = re.compile(
    r"^\W*(?:and\s+)?(?:what\s+(?:is|are|was|were|will)|how\s+(?:many|much|long|far)|in\s+how\s+many)\b.*\?",
    re.I | re.DOTALL,
)


_EACH = re.compile(
    rf"^\W*(?i:{VERBS})\s+(?i:each\s+of\s+)?(?i:the\s+following(?:\s+(?:limits|integrals|sums|equations|expressions|derivatives))?)\W*$"
    rf"|^\W*(?i:{VERBS})\W*:?\s*$"
)
_NUMBERED = re.compile(r"\b(?:question|problem|part)\s+\(?(?:[a-d]|[1-9])\)?\s*[:.]\s*", re.IGNORECASE)
_ALSO = re.compile(
    rf"\b(?i:also|and\s+then|additionally|furthermore)\s+(?i:{VERBS})\b[^.]{{0,200}}|\b(?i:{VERBS})\b[^.?]{{0,200}}\b(?i:as\s+well|too)\W*$"
)
_NOUN_PART = re.compile(r"\(([a-d])\)\s+the\s+\w+")


def _listed(text: str, marks: list[re.Match[str]]) -> str | None:
    """What stands under one instruction: "Evaluate: (a) ... (b) ..."."""
    if len({mark.group().strip() for mark in marks}) < 2:
        return None
    lead = text[: marks[0].start()].strip()
    return lead if _EACH.match(lead) else None


_LABELLED = ("a)", "a.", "a:", "1)", "1.", "1:", "i)", "i.")
_SECOND = ("also", "and then", "additionally", "furthermore", "as well", "too")
_ORDER = re.compile(rf"(?i:\b(?:{VERBS})\b)")


def multi_part(post: Post) -> str | None:
    """Two labelled parts that both ask, a list under one instruction, or two questions one after the other."""
    questions = [sentence for sentence in post.core if "?" in sentence and _QUESTION.match(sentence)]
    if len(questions) > 1:
        return " / ".join(questions)
    text = "\n".join(post.core)
    return (_labelled(post, text) if post.says(*_LABELLED) else None) or (
        _second_order(text) if post.says(*_SECOND) else None
    )


def _labelled(post: Post, text: str) -> str | None:
    marks = list(_PART.finditer(text)) or list(_LOOSE_PART.finditer(text))
    parts = [text[mark.end() : mark.end() + 200] for mark in marks]
    asking = [mark.group().strip() for mark, part in zip(marks, parts, strict=True) if _PART_ASK.match(part)]
    if len(set(asking)) > 1:
        return f"parts {', '.join(asking)}"
    if listed := _listed(text, marks):
        return listed
    if sum(bool(_PART_ASK.match(part)) for part in _NUMBERED.split(post.text)[1:]) > 1:
        return "numbered questions"
    nouns = _NOUN_PART.findall(text)
    return f"parts {', '.join(nouns)}" if len(set(nouns)) > 1 and _ASKS_FOR.search(text) else None


def _second_order(text: str) -> str | None:
    """ "Find ... Also find ..." """
    also = _ALSO.search(text)
    return also.group() if also and len(_ORDER.findall(text)) > 1 else None
