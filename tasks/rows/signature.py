"""Whether two texts are one problem told in nearly the same words, or one with other numbers. Pure.

A text is read as sentences of words, numbers and signs, without the words that carry nothing ("the", "please").
Two texts have one *signature* where the same words, numbers and signs occur equally often in both, and nearly all
runs of `RUN` of them inside a sentence too: sentences may be told in another order, "3 red and 5 blue" may not become
"5 red and 3 blue". They have one *template* where that holds with a blank for each number.

One changed word is enough to differ, because it may be "minimum" for "maximum". A drawing counts as one word, told
by its code. `RUN` and `SHARED_RUNS` were fitted on one half of labelled pairs; tasks/decontaminate/README.md says
what they find on the other half.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tasks.rows.normal_form import spelt

RUN = 5
SHARED_RUNS = 0.9
"""Dice coefficient of the runs of two texts from which on they are one."""
MIN_TOKENS = 6
"""Shorter texts ("What is 3 + 4?") are too little to tell a template by."""

_TOKEN = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+|\\[a-z]+|[^\W\d_]+|[^\w\s.,;:?$&~'\"\\]|_")
_SENTENCE = re.compile(r"(?<=[.?!;])\s+|(?<=[.?!;])\$\s+")
_EMPTY = frozenset(
    ("a", "an", "the", "please", "that", "which", "then", "also", "value", "and", "so", r"\text", r"\ldots", r"\dots")
)
_DRAWING = re.compile(r"\[asy\].*?(?:\[/asy\]|\Z)", re.DOTALL)
_DRAWN = re.compile(r"drawing[a-p]{64}")
_BRACED = re.compile(r"\{\s*(\d+|[^\s{}\\])\s*\}|(?<=\\frac)\s*(\d)(?=\d)")
_SHOWN = re.compile(r"\\emph\s*\{([^{}]*)\}")
_TAG = re.compile(r"</?(?:br|p|div|span|i|b|em|strong|sub|sup)\s*/?>")
_TORN = {"rac": "\\frac", "imes": "\\times", "heta": "\\theta"}
"""What is left of commands where somebody took \\f and \\t in them for a form feed and a tab."""
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORDS = {word: str(number) for number, word in enumerate(_NUMBERS)}
_ALIKE = _NUMBER_WORDS | _TORN
_SIGNS = frozenset("+-=<>")
_BLANK = "#"
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


Counted = tuple[tuple[str, int], ...]
"""Tokens, sorted, and how often each occurs."""


@dataclass(frozen=True)
class Signature:
    """A text's sentences as tuples of words, numbers and signs."""

    sentences: tuple[tuple[str, ...], ...]

    @cached_property
    def key(self) -> Counted:
        """How often each word, number and sign occurs: equal for texts of one signature."""
        return tuple(sorted(Counter(token for one in self.sentences for token in one).items()))

    @cached_property
    def runs(self) -> Counter[tuple[str, ...]]:
        return Counter(run for one in self.sentences for run in _runs(one, RUN))

    @property
    def symbols(self) -> Counted:
        """How often each number, sign and LaTeX command occurs: what a rewording leaves as it is."""
        return tuple((token, times) for token, times in self.key if not token.isalpha())

    @property
    def quantities(self) -> Counted:
        """How often each number, each drawing and each sign of sums and order occurs: what other LaTeX leaves too."""
        return tuple((token, times) for token, times in self.key if _is_quantity(token))

    @property
    def figures(self) -> Counted:
        """How often each number and each sign of sums and order occurs: texts of equal `key`, `symbols` or
        `quantities` have equal figures.
        """
        return tuple((token, times) for token, times in self.key if _is_number(token) or token in _SIGNS)

    @property
    def word_pairs(self) -> Iterator[tuple[str, ...]]:
        """Neighbours inside a sentence, numbers and signs among them; a sentence of one word gives that."""
        return (pair for one in self.sentences for pair in _runs(one, 2))

    @cached_property
    def template(self) -> Signature:
        """The same with a blank for each number."""
        return Signature(tuple(tuple(_BLANK if _is_number(t) else t for t in one) for one in self.sentences))

    @property
    def length(self) -> int:
        return sum(map(len, self.sentences))


def signature(text: str) -> Signature:
    """How a text is compared. A text without words, numbers and signs has no sentences.

    >>> signature("Please find the value of $3x$. It is positive.").sentences
    (('find', 'of', '3', 'x'), ('it', 'is', 'positive'))
    """
    words = _SHOWN.sub(r"\1", _TAG.sub(" ", _DRAWING.sub(_as_one_word, spelt(text))))
    plain = _BRACED.sub(r" \1\2 ", words)
    read = (tuple(_tokens(sentence)) for sentence in _SENTENCE.split(plain))
    return Signature(tuple(one for one in read if one))


def one_problem(one: Signature, other: Signature) -> bool:
    """Whether two texts have one signature."""
    return bool(one.sentences) and one.key == other.key and _shared(one.runs, other.runs) >= SHARED_RUNS


def one_template(one: Signature, other: Signature) -> bool:
    """Whether two texts are the same but for their numbers; too short ones are not."""
    return one.length >= MIN_TOKENS and one_problem(one.template, other.template)


def _as_one_word(drawing: re.Match[str]) -> str:
    """A drawing by its code's digest, in letters: its many tokens would outvote the question about it."""
    code = hashlib.sha256("".join(drawing.group().split()).encode("utf-8", "surrogatepass")).hexdigest()
    return f" drawing{code.translate(_LETTERS)} "


def _tokens(sentence: str) -> Iterator[str]:
    for token in _TOKEN.findall(sentence):
        if token not in _EMPTY:
            yield _ALIKE.get(token) or _singular(token.replace(",", ""))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == "s" and word[-2] != "s" and word.isalpha() else word


def _runs(sentence: tuple[str, ...], length: int) -> Iterator[tuple[str, ...]]:
    for start in range(max(1, len(sentence) - length + 1)):
        yield sentence[start : start + length]


def _shared(one: Counter[tuple[str, ...]], other: Counter[tuple[str, ...]]) -> float:
    return 2 * (one & other).total() / (one.total() + other.total())


def _is_quantity(token: str) -> bool:
    return _is_number(token) or token in _SIGNS or bool(_DRAWN.fullmatch(token))


def _is_number(token: str) -> bool:
    return token[0].isdigit() or token[0] == "."
