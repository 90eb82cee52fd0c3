"""Semantic duplicates: one problem in other words. Pure.

Candidates have the same *quantities*, that is, numbers, drawings and signs of sums and order, each as often, and the
same answer from both sources: a cosine alone cannot tell a rewording from a number variant. A candidate repeats
another row if their embeddings are near. What confirms comes first because it is free: only the few rows of a pool
that have a candidate are embedded.

Of 22,308 different questions of MATH, Omni-MATH, college maths, GSM8K and forum posts, 616 were embedded and 33 found
that `near` leaves. Read by eye, 30 of them repeat another; $f(f(x))$ is not $f(f(f(x)))$, spherical is not
cylindrical, and one has lost a condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tasks.collect.texts import Repeat, Text, grouped
from tasks.embedding.embed import EmbedderSettings, Vectors, embedder
from tasks.rows.fingerprint import digest
from tasks.rows.normal_form import normal_form

Embed = Callable[[Sequence[Text]], Mapping[str, Vectors]]
"""The windows of each text's question, by question: unit vectors, float32, shape (windows >= 1, dimensions)."""


class Settings(BaseModel):
    """When two rows with the same quantities and answer are one problem."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    similarity: float = Field(
        default=0.9, gt=0, le=1, description="Cosine from which on they are; measured with the packaged embedder"
    )
    embedder: EmbedderSettings = Field(default=EmbedderSettings(), description="Model that compares their texts")


def repeats(standing: Iterable[Text], new: Sequence[Text], least: float, embed: Embed) -> dict[str, Repeat]:
    """Which of the `new` rows repeat another, by row id; of several the most similar, of those the first.

    Nothing `standing` falls, and of new rows the earlier stands. Each row is compared with rows that stand; one
    without an answer repeats none. `least` is in (0, 1], and cosines are rounded to 4 places. The result is a
    function of the rows, their order and their vectors.
    """
    groups = grouped(standing, new, _confirmed_by)
    if not groups:
        return {}
    windows = embed([text for old, own in groups for text in (*old, *own)])
    found: dict[str, Repeat] = {}
    for old, own in groups:
        found |= _of_group(old, own, least, windows)
    return found


def embedded(texts: Sequence[Text], settings: EmbedderSettings) -> Mapping[str, Vectors]:
    """An `Embed` that keeps nothing. Raises `RecipeError` where the embedder is not to be had."""
    questions = [text.question for text in texts]
    return dict(zip(questions, embedder(settings).windows(questions), strict=True))


def _of_group(
    old: Sequence[Text], new: Sequence[Text], least: float, windows: Mapping[str, Vectors]
) -> Mapping[str, Repeat]:
    standing = list(old)
    vectors = [_whole(windows[text.question]) for text in (*old, *new)]
    base = np.array(vectors)
    found: dict[str, Repeat] = {}
    for text, vector in zip(new, vectors[len(old) :], strict=True):
        cosines = np.round(base[: len(standing)] @ vector, 4)
        if cosines.max(initial=-1) >= least:
            nearest = int(cosines.argmax())
            found[text.row_id] = Repeat(standing[nearest].row_id, float(cosines[nearest]), "semantic")
        else:
            base[len(standing)] = vector
            standing.append(text)
    return found


def _whole(windows: Vectors) -> NDArray[np.float64]:
    """A text's mean window as a unit vector; in float64, where the order of summing does not show in 4 places."""
    mean = windows.astype(np.float64).mean(axis=0)
    unit: NDArray[np.float64] = mean / np.linalg.norm(mean)
    return unit


def _confirmed_by(text: Text) -> str | None:
    """A name for the text's quantities and answer; None without an answer."""
    answer = normal_form(text.answer or "")
    return digest((text.signature.quantities, answer))[:16] if answer else None
