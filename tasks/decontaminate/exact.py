"""Looking a text up among benchmark questions by its normal form: a hit is proof. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.rows.normal_form import normal_form


class ExactIndex:
    """Questions by their normal form."""

    def __init__(self, questions: Sequence[str]) -> None:
        """Where several have one normal form, the first of them stands for all."""
        self._places: dict[str, int] = {}
        for place, text in enumerate(questions):
            self._places.setdefault(normal_form(text), place)
        self._places.pop("", None)

    def find(self, text: str) -> int | None:
        """The place of the question that is this text, or None."""
        return self._places.get(normal_form(text))
