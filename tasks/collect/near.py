"""Near duplicates: one problem in nearly the same words. Pure.

Candidates have the same *symbols*, that is, numbers, signs and LaTeX commands, each as often: pools of problems are
full of number variants whose texts are closer to each other than a rewording is to its original. Among candidates
a row repeats another if their texts prove it (one signature), or if both sources give the same answer and enough
pairs of neighbouring words are shared. Answers that differ speak against either. So "minimum" for "maximum" makes no
duplicate; a rewording without an answer is left to whoever reads the data.

Of 19,029 different questions of MATH-train, Omni-MATH, college maths and GSM8K, 22 were found; read by eye, 21 of
them repeat another ("arrange the letters of PROOF" is not "... of RADII", both 60).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from tasks.collect.texts import Repeat, Text, grouped
from tasks.rows.fingerprint import digest
from tasks.rows.normal_form import normal_form
from tasks.rows.signature import one_problem

if TYPE_CHECKING:
    from datasketch import MinHash

_PERMUTATIONS = 128
_BANDS = (32, 4)
"""Finds texts that share 60% of their word pairs with probability 0.988, those that share 70% with 0.9998."""


def repeats(standing: Iterable[Text], new: Sequence[Text], least: float) -> dict[str, Repeat]:
    """Which of the `new` rows repeat another, by row id; of several the most similar, of those the first.

    Nothing `standing` falls, and of new rows the earlier stands. Each row is compared with rows that stand, so that
    no chain of small changes ties different problems together; `least` is in (0, 1]. The result is a function of
    the rows and their order.
    """
    found: dict[str, Repeat] = {}
    for old, own in grouped(standing, new, _symbols):
        found |= _of_group(old, own, least)
    return found


def similarity(one: Text, other: Text, least: float) -> float | None:
    """The Jaccard coefficient of two texts with the same symbols if they are one problem, else None."""
    shared = len(one.word_pairs & other.word_pairs) / max(1, len(one.word_pairs | other.word_pairs))
    both_answered = one.answer is not None and other.answer is not None
    if both_answered and normal_form(one.answer or "") != normal_form(other.answer or ""):
        return None
    proven = one_problem(one.signature, other.signature)
    return round(shared, 4) if proven or (both_answered and shared >= least) else None


def _of_group(old: Sequence[Text], new: Sequence[Text], least: float) -> Mapping[str, Repeat]:
    from datasketch import MinHashLSH  # it loads much of scipy, which every command would wait for

    index = MinHashLSH(num_perm=_PERMUTATIONS, params=_BANDS)
    standing: list[Text] = []
    found: dict[str, Repeat] = {}
    for place, text in enumerate((*old, *new)):
        sketch = _sketch(text)
        near = sorted(index.query(sketch)) if place >= len(old) else ()
        scored = ((similarity(text, standing[one], least), -one) for one in near)
        best = max(((score, one) for score, one in scored if score is not None), default=None)
        if best is None:
            index.insert(len(standing), sketch)
            standing.append(text)
        else:
            found[text.row_id] = Repeat(standing[-best[1]].row_id, best[0], "near")
    return found


def _sketch(text: Text) -> MinHash:
    from datasketch import MinHash

    found = MinHash(num_perm=_PERMUTATIONS, seed=1, scheme="affine32")
    found.update_batch([" ".join(pair).encode("utf-8", "surrogatepass") for pair in sorted(text.word_pairs)])
    return found


def _symbols(text: Text) -> str:
    """A name for the text's symbols."""
    return digest(text.signature.symbols)[:16]
