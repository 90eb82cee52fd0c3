"""By what names rows are found that may be duplicates of each other. Pure.

Rows without a name in common are no duplicates, so nobody compares them: exact copies share `form`, near duplicates
`words` or `symbols`, semantic ones `quantities` (an answer's normal form is part of the last two). Rows with one of
these three in common share `group` too: numbers and signs are part of all of them. An equal form shows nothing of the
sort ("1 2" and "12" have one form, and so have "three x" and "threex"), therefore exact copies are found first.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from tasks.collect.duplicates import Settings
from tasks.rows.normal_form import normal_form
from tasks.rows.problem import normal_text
from tasks.rows.signature import Counted, Signature, signature


class Names(NamedTuple):
    """Hex digests: of 128 bits where an equal one is proof, else of 64; None where a row has no such name."""

    form: str
    words: str | None
    symbols: str | None
    quantities: str | None
    group: str


COMPARED = ("words", "symbols", "quantities")


def names(question: str, answer: str | None, settings: Settings) -> Names:
    """The names of a row that has a text; only those that the settings call for."""
    form = _digest(normal_form(question) or normal_text(question))
    near, semantic = settings.near_duplicates is not None, settings.semantic_duplicates is not None
    if not near and not semantic:
        return Names(form, None, None, None, form[:16])
    told = signature(question)
    said = None if answer is None else normal_form(answer)
    return Names(
        form=form,
        words=_named(told.key) if near else None,
        symbols=_named(told.symbols, said) if near and said is not None else None,
        quantities=_named(told.quantities, said) if semantic and said else None,
        group=group(told),
    )


def group(told: Signature) -> str:
    """The name that all rows share which may be near or semantic duplicates of each other."""
    return _named(told.figures)


def _named(counted: Counted, answer: str = "") -> str:
    tokens = " ".join(f"{token} {times}" for token, times in counted)
    return _digest(f"{tokens}\n{answer}")[:16]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
