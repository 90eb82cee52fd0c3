"""Looking a text up among benchmark questions without a model: a hit is proof, with its kind. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum

from tasks.rows.normal_form import normal_form
from tasks.rows.signature import Signature, one_problem, one_template, signature


class Proof(StrEnum):
    """What two texts alone show, the strongest first."""

    EXACT = "exact"
    """One normal form: the same text."""
    SIGNATURE = "signature"
    """The same words, numbers and signs, sentences perhaps in another order: the same problem."""
    TEMPLATE = "template"
    """The same but for the numbers: another problem, made by the same template."""


SAME_PROBLEM = (Proof.EXACT, Proof.SIGNATURE)


class ProofIndex:
    """Questions by normal form, signature and template."""

    def __init__(self, questions: Sequence[str]) -> None:
        self._forms: dict[str, int] = {}
        self._signatures = [signature(text) for text in questions]
        self._by_template: dict[tuple[tuple[str, int], ...], list[int]] = defaultdict(list)
        for place, text in enumerate(questions):
            self._forms.setdefault(normal_form(text), place)
            self._by_template[self._signatures[place].template.key].append(place)
        self._forms.pop("", None)

    def find(self, text: str) -> dict[int, Proof]:
        """The places of the questions that this text repeats, each with the strongest proof of it.

        Of questions with one normal form the first stands for all. Texts of one signature have one template too.
        """
        found: dict[int, Proof] = {}
        exact = self._forms.get(normal_form(text))
        if exact is not None:
            found[exact] = Proof.EXACT
        own = signature(text)
        for place in self._by_template.get(own.template.key, ()):
            kind = proof(own, self._signatures[place])
            if kind is not None:
                found.setdefault(place, kind)
        return found


def proof(one: Signature, other: Signature) -> Proof | None:
    """What two signatures prove."""
    if one_problem(one, other):
        return Proof.SIGNATURE
    return Proof.TEMPLATE if one_template(one, other) else None


def prove(one: str, other: str) -> Proof | None:
    """What two texts prove."""
    form = normal_form(one)
    if form and form == normal_form(other):
        return Proof.EXACT
    return proof(signature(one), signature(other))
