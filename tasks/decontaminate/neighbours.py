"""The benchmark questions nearest to each row: exact cosine top-k by FAISS, and those that the texts alone prove.

Method: DeepMath-103K (https://arxiv.org/abs/2504.11456, section 2) embeds, takes the top k = 5 and judges
them. Here both the row's original text and its current question are looked up, and long texts by windows:
a text's score for a benchmark question is that of their best pair of windows. Scores are rounded to 5 places
before they rank, and ties go by benchmark id, so equal texts have equal neighbours in every shard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any

import faiss
import numpy as np

from tasks.decontaminate.benchmarks import BenchmarkTable, Neighbour
from tasks.decontaminate.proof import Proof, ProofIndex
from tasks.decontaminate.settings import Settings
from tasks.embedding.embed import EmbedderSettings, Vectors, Windows, embedder

_PLACES = 5
_STRENGTH: tuple[str | None, ...] = (*Proof, None)


class NearestIndex:
    """Exact search over windows that belong to owners 0..n-1; ties go to the lower owner."""

    def __init__(self, windows: Sequence[Vectors]) -> None:
        """`windows[owner]`: unit vectors, float32, shape (windows >= 1, dimensions)."""
        vectors = np.concatenate(windows)
        self._windows = windows
        self._owner = np.repeat(np.arange(len(windows)), [len(one) for one in windows])
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def search(self, query: Vectors, k: int) -> dict[int, float]:
        """The k best owners, best first, and their scores for the windows `query` (as in the constructor).

        Each window is searched by itself: for many at once FAISS sums in another order, with other last bits.
        """
        return _top((pair for window in query for pair in self._search_one(window[np.newaxis], k)), k)

    def score(self, query: Vectors, owner: int) -> float:
        """The score of one owner for the windows `query`."""
        return round(float((query @ self._windows[owner].T).max()), _PLACES)

    def _search_one(self, window: Vectors, k: int) -> Iterable[tuple[int, float]]:
        """Search deeper until nothing unseen can be among the k best, nor tie with the last of them."""
        depth = min(4 * k, len(self._owner))
        while True:
            similarities, places = self._index.search(window, depth)
            scores = [round(one, _PLACES) for one in similarities[0].tolist()]
            top = _top(zip(self._owner[places[0]].tolist(), scores, strict=True), k)
            if depth == len(self._owner) or (len(top) == k and scores[-1] < min(top.values())):
                return top.items()
            depth = min(4 * depth, len(self._owner))


def _top(pairs: Iterable[tuple[int, float]], k: int) -> dict[int, float]:
    best: dict[int, float] = {}
    for owner, score in pairs:
        best[owner] = max(score, best.get(owner, score))
    return dict(sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))[:k])


@dataclass(frozen=True, slots=True)
class _Found:
    """What one text's look-up gave, by owner: scores, and proofs that the text repeats the owner's question."""

    scores: Mapping[int, float]
    proofs: Mapping[int, Proof]


@dataclass(frozen=True, slots=True)
class _Index:
    proofs: ProofIndex
    nearest: NearestIndex


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What an index is built of; where its vectors come from makes it no other."""

    table: BenchmarkTable
    settings: EmbedderSettings
    windows: Windows | None = field(compare=False)


_BUILDING = Lock()
"""Shards that run as threads of one process wait for one embedding of the table; `lru_cache` alone would not."""


@lru_cache(maxsize=1)
def _build(wanted: _Wanted) -> _Index:
    questions = [entry.question for entry in wanted.table.entries]
    windows = wanted.windows or embedder(wanted.settings).windows
    return _Index(ProofIndex(questions), NearestIndex(windows(questions)))


def _index(wanted: _Wanted) -> _Index:
    with _BUILDING:
        return _build(wanted)


def find(
    rows: Sequence[Mapping[str, Any]],
    table: BenchmarkTable,
    settings: Settings,
    windows: Windows | None = None,
    of_rows: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Vectors]] | None = None,
) -> list[list[Neighbour]]:
    """The neighbours of each row's `original` and `question` in the table, proven ones first, then nearest.

    A row has up to k for each of its two texts, one line per benchmark question with the better score, and
    questions that either text is proven to repeat however they score; of those by template only, the k nearest.
    `windows` gives the vectors of the table's questions, `of_rows` those of the rows' texts, by text; else they are
    embedded, the table once per process. Without rows not even the model is loaded. Raises `RecipeError` where the
    embedder is not to be had.
    """
    if not rows:
        return []
    index = _index(_Wanted(table, settings.embedder, windows))
    vectors = of_rows(rows) if of_rows else _embedded(rows, settings)
    looked_up = {text: _look_up(text, found, index, settings) for text, found in vectors.items()}
    return [_neighbours([looked_up[text] for text in texts(row)], table) for row in rows]


def texts(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What of a row is looked up: its question, and the original if that is another."""
    return tuple(dict.fromkeys((row["question"], row["original"])))


def _embedded(rows: Sequence[Mapping[str, Any]], settings: Settings) -> Mapping[str, Vectors]:
    every = list(dict.fromkeys(text for row in rows for text in texts(row)))
    return dict(zip(every, embedder(settings.embedder).windows(every), strict=True))


def _look_up(text: str, windows: Vectors, index: _Index, settings: Settings) -> _Found:
    scores = index.nearest.search(windows, settings.k)
    proofs = index.proofs.find(text)
    scored = {owner: scores.get(owner, index.nearest.score(windows, owner)) for owner in proofs}
    templates = _top(((owner, scored[owner]) for owner in proofs if proofs[owner] is Proof.TEMPLATE), settings.k)
    shown = {owner for owner in proofs if proofs[owner] is not Proof.TEMPLATE or owner in templates}
    return _Found({**{owner: scored[owner] for owner in shown}, **scores}, proofs)


def _neighbours(found: Sequence[_Found], table: BenchmarkTable) -> list[Neighbour]:
    scores = [pair for one in found for pair in one.scores.items()]
    proofs = {owner: _strongest(one.proofs.get(owner) for one in found) for owner, _ in scores}
    neighbours = [
        Neighbour(
            benchmark_id=table.entries[owner].benchmark_id,
            benchmark=table.entries[owner].benchmark,
            question=table.entries[owner].question,
            score=score,
            proof=proofs[owner],
        )
        for owner, score in _top(scores, len(scores)).items()
    ]
    return sorted(neighbours, key=lambda one: _STRENGTH.index(one["proof"]))


def _strongest(proofs: Iterable[Proof | None]) -> Proof | None:
    return min(proofs, key=_STRENGTH.index)
