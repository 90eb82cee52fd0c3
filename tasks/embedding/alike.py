"""How like two sets of questions are: one vector a text, and the most alike of the other set for each of one.

A text's vector is that of its first window, as the encoder of DeepMath-103K's count of novel problems cuts a text.
"""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from tasks.embedding.embed import EmbedderSettings, Vectors, embedder

_AT_ONCE = 256


def vectors(texts: Sequence[str], settings: EmbedderSettings) -> Vectors:
    """Unit vectors, float32, shape (texts, dimensions). Raises `RecipeError` where the embedder is not to be had."""
    model = embedder(settings)
    parts = [model.windows(texts[low : low + _AT_ONCE]) for low in range(0, len(texts), _AT_ONCE)]
    return np.stack([windows[0] for part in parts for windows in part])


def nearest(ours: Vectors, theirs: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """For each of ours the cosines and places of the `k` nearest of theirs (all, if they are fewer), best first."""
    index = faiss.IndexFlatIP(theirs.shape[1])
    index.add(theirs)
    scores, places = index.search(ours, min(k, len(theirs)))
    return scores, places
