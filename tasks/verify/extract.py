r"""Finding final answers in texts. Pure.

A model's answer is what it says its answer is: the last `\boxed{}`, an `<answer>` tag, or a sentence "the final
answer is ...". Never the last number in sight: a solution that names no answer has none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tasks.verify import normal

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
_BETWEEN_BOXES = re.compile(
    r"(?:\s|[,;$]|([-+*=_])\1{2,}|\\(?=$)|\\[()\[\],;]|\\q?quad|\\text\s*\{\s*,?\s*(?:and|or)?\s*\}|and\b|or\b|[a-z](?:_\{?\w\}?)?\s*=)*",
    re.IGNORECASE,
)
# Every run of white space is bounded: a text may hold a million spaces.
_SAID = re.compile(
    r"\b(?:final\s{1,3})?answer(?:\s{1,3}to\s[^.:\n]{0,80}?)?\s{0,3}(?:\*\*)?\s{0,3}(?:is|:)\s{0,3}:?\s{0,3}(?:\*\*)?\s{0,3}",
    re.IGNORECASE,
)
_FORMULA = re.compile(r"(\$\$?).+?\1|\\\(.+?\\\)|\\\[.+?\\\]")
_CONCLUDED = re.compile(
    r"(?:^|[.\n])\s*(?:therefore|thus|hence|so|we (?:find|get|obtain|conclude)(?: that)?|[a-z ]{1,60}:),?\s*"
    r"(?:the (?:answer|solution|value) is\s*)?(?P<formula>\$[^$]+\$|\\\([^$]+?\\\))"
    r"(?:\s+is the (?:answer|solution))?\s*\.?\s*$",
    re.IGNORECASE,
)
_COUNTS = re.compile(
    r"(?:therefore|thus|hence|so),?\s*(?P<count>there (?:are|is) (?:exactly )?\d[^.$]{0,200})\.?\s*$", re.IGNORECASE
)
_AFTERWORD = re.compile(
    r"(?:\s{0,9}I hope it is correct\.?)?\s{0,9}(?:<\|[a-z_]{1,20}\|>\s{0,9}(?:user|assistant)?\s{0,9})?$"
)
_DISPLAY = re.compile(r"(?:\$\$|\\\[)(?P<inside>.{1,400}?)(?:\$\$|\\\])", re.DOTALL)
_JSON = re.compile(r'"(?:final_)?answer"\s{0,9}:\s{0,9}', re.IGNORECASE)
_COMMAND = re.compile(r'(?<!\\)\\(?!u[0-9a-fA-F]{4})(?=[a-zA-Z]{2,}|[^a-zA-Z"\\/])')  # \frac and \( , not \u00b1
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_AS_WRITTEN = json.JSONDecoder(parse_float=str, parse_int=str)  # 0.4120 keeps its digits
_SENTENCE_END = re.compile(r"[.!](?=\s|$|\*)")
_LONGEST_TEXT = 1_000_000  # characters of a solution's end that are looked at
_LONGEST_SOURCE = 2_000  # characters of a source's answer that is taken apart
_LONGEST_GAP = 100  # characters between two boxes of one list


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, raw, and its place: `tag`, `box`, `json`, `sentence` ("the answer is ...") or `conclusion`."""

    answer: str
    place: str


def final_answer(solution: str) -> str | None:
    r"""The answer a solution ends with, raw; None if it states none.

    Only what stands behind the last `</think>` counts; a thought that never ends has no answer. Boxes that
    stand side by side (`\boxed{2}, \boxed{3}`, joined by nothing but "and", "or" and commas) are one list.

    >>> final_answer(r"<think>\boxed{1}?</think> So it is $\boxed{\frac{1}{2}}$.")
    '\\frac{1}{2}'
    """
    found = find(solution)
    return found.answer if found else None


def find(solution: str) -> Found | None:
    """The same, and what it was taken from."""
    head, _, text = solution.rpartition("</think>")
    if not head and "<think>" in text:
        return None
    text = _AFTERWORD.sub("", text[-_LONGEST_TEXT:])
    if inside := _tagged(text):
        return _found(_boxed(inside) or _tidy(inside), "tag")
    if said := _in_json(text):
        return _found(_boxed(said) or _tidy(said), "json")
    boxed, behind = _last_boxes(text)
    if boxed and not re.search(r"\bfinal\s{1,3}answer", text[behind:], re.IGNORECASE):
        return _found(boxed, "box")
    return _said(text[behind:]) or _concluded(text[behind:]) or _found(boxed, "box")


def _found(answer: str | None, place: str) -> Found | None:
    return Found(answer, place) if answer else None


def _in_json(text: str) -> str:
    """The answer in a reply that ends with a JSON object, fenced or not; several values as a list."""
    end = text[-_LONGEST_SOURCE:]
    heads = list(_JSON.finditer(end)) if re.search(r"\}\s{0,9}(?:```)?\s{0,9}$", text[-40:]) else []
    if not heads:
        return ""
    said = end[heads[-1].end() :]
    string = _STRING.match(said)
    if string and _COMMAND.search(string[1]):  # LaTeX whose backslashes nobody doubled
        return string[1]
    said = _COMMAND.sub(r"\\\\", said)
    try:
        value, _ = _AS_WRITTEN.raw_decode(said)
    except (ValueError, RecursionError):
        return re.split(r'"?\s*,?\s*(?:\}|$)', said.split("\n", maxsplit=1)[0].lstrip('"'), maxsplit=1)[0]
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    return "" if value is None else _written(value)


def _written(value: Any) -> str:
    """A value of JSON as one writes it: an object as equations, a list in brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_written(one)}" for name, one in value.items())
    return f"[{', '.join(map(_written, value))}]" if isinstance(value, list) else str(value)


def _tagged(text: str) -> str:
    """What stands in the last complete `<answer>` tag."""
    close = text.rfind("</answer>")
    opening = text.rfind("<answer>", 0, max(close, 0))
    inside = text[opening + len("<answer>") : close] if opening >= 0 else ""
    return inside.rpartition("</answer>")[2].strip()  # a tag may be closed where it should be opened


def _boxed(text: str) -> str | None:
    return _last_boxes(text)[0]


def _last_boxes(text: str) -> tuple[str | None, int]:
    """The last boxes that stand side by side, as one list, and the position behind them."""
    spans: list[tuple[int, int, str]] = []
    for match in reversed(list(_BOX.finditer(text))[-20:]):
        close = normal.closing(text, match.end())
        if close is None or not text[match.end() + 1 : close].strip():
            continue
        if spans and not _side_by_side(text[close + 1 : spans[-1][0]]):
            break
        spans.append((match.start(), close, text[match.end() + 1 : close].strip()))
    boxes = list(dict.fromkeys(span[2] for span in reversed(spans)))
    return ", ".join(boxes) or None, spans[0][1] + 1 if spans else 0


def _side_by_side(gap: str) -> bool:
    return len(gap) <= _LONGEST_GAP and _BETWEEN_BOXES.fullmatch(gap) is not None


def _said(text: str) -> Found | None:
    heads = list(_SAID.finditer(text))
    if not heads:
        return None
    said = text[heads[-1].end() :][:500].lstrip(" *\n")
    display = _DISPLAY.match(said)
    if display:
        return _found(_tidy(display["inside"]), "sentence")
    said = said.split("\n", maxsplit=1)[0]
    formula = _FORMULA.match(said)
    if formula and re.match(r"\s*(?:[.\"]|$)", said[formula.end() :]):
        return _found(_tidy(formula.group()), "sentence")
    sentence = _SENTENCE_END.split(said, maxsplit=1)[0]
    value = re.fullmatch(r"[A-Z].*\s(?:is|are|equals)\s+(\$[^$]+\$|[-+\d.,/]+)", sentence)
    return _found(_tidy(value.group(1) if value else sentence), "sentence")


def _concluded(text: str) -> Found | None:
    concluded, counted = _CONCLUDED.search(text[-500:]), _COUNTS.search(text[-300:])
    if concluded:
        return _found(_tidy(concluded["formula"]), "conclusion")
    return _found(_tidy(counted["count"]), "conclusion") if counted else None


def _tidy(text: str) -> str | None:
    return re.sub(r'^(?:\\?"|\*|\s)+|(?:\\?"|\*|\s)+$', "", text) or None


_OR = re.compile(r",?\s+or\s+(?:equivalently|approximately|an equivalent form such as|simply)[\s,:]+", re.IGNORECASE)
_ASIDE = re.compile(
    r"\s*\(((?:i\.?e\.?,?\s+|no |none |that is,?\s+)[^()]*(?:\([^()]*\)[^()]*)*)\)\s*$", re.IGNORECASE
)
_ONLY = r"only (?:possible |such )?(?:value|solution|answer|number|integer)s?"
_WRAPPED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(.+?) is the {_ONLY}(?: of .+)?",
        rf"the {_ONLY}(?: (?:for|of) .+?)? (?:is|are) (.+)",
        r"the limit exists and (?:is equal to|equals|is) (.+)",
        r"(?:the )?(?:final )?answer(?: is|:) (.+)",
    )
)
_COUNTED = re.compile(
    r"(?:at (?:most|least)|exactly)?\s*(\d+|one|two|three|n)\s*(?:[a-z]+-valued )?"
    r"(?:values?|numbers?|pairs?|roots?|zeros?|inequalities|sequences?|solutions?|times|ways)?",
    re.IGNORECASE,
)
_NUMERALS = {"one": "1", "two": "2", "three": "3"}


def alternatives(source_answer: str | None) -> tuple[str, ...]:
    r"""The acceptable forms of a source's answer, any of which is enough; none where there is no answer.

    Sources wrap answers in words that belong to the question: "100 (i.e., all values)", "0 is the only possible
    value". The wrapping is taken off only where the rest is the answer itself.

    >>> alternatives("sqrt(3)/3, or equivalently 1/sqrt(3)")
    ('sqrt(3)/3', '1/sqrt(3)')
    """
    text = (source_answer or "").strip()
    if not text or len(text) > _LONGEST_SOURCE:
        return (text,) if text else ()
    text = _boxed(text) or text
    forms: list[str] = []
    for part in _OR.split(text):
        aside = _ASIDE.search(part)
        forms.append(_unwrapped(part[: aside.start()] if aside else part))
        if aside:
            forms.append(re.sub(r"^(?:i\.?e\.?|that is),?\s+", "", aside.group(1), flags=re.IGNORECASE))
    counts = [number for form in forms if (number := _count(form))]
    return tuple(dict.fromkeys(form for form in (*forms, *counts) if form))


def _unwrapped(text: str) -> str:
    text = text.strip()
    bare = text.rstrip(".")
    for pattern in _WRAPPED:
        if match := pattern.fullmatch(bare):
            return match.group(1).strip()
    return text


def _count(text: str) -> str | None:
    """The number in "98 values", "Exactly one" or "At most 0 roots": the question asked how many."""
    match = _COUNTED.fullmatch(text.strip().rstrip("."))
    return _NUMERALS.get(match.group(1).lower(), match.group(1)) if match else None
