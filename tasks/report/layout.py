"""Where questions lie on a map: t-SNE of their vectors (https://jmlr.org/papers/v9/vandermaaten08a.html).

The settings are those of DeepMath-103K's picture: scikit-learn, perplexity 100, seed 42; of fewer points than that
needs, less perplexity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PERPLEXITY, SEED, FEWEST = 100, 42, 5
_PLACES = 4


def layout(vectors: NDArray[np.float32]) -> list[tuple[float, float]]:
    """A point between (0, 0) and (1, 1) for each row of `vectors`; none for fewer than `FEWEST`."""
    from sklearn.manifold import TSNE

    if len(vectors) < FEWEST:
        return []
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    placed = TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(vectors)
    low, high = placed.min(axis=0), placed.max(axis=0)
    scaled = (placed - low) / np.where(high > low, high - low, 1.0)
    return [(round(float(x), _PLACES), round(float(y), _PLACES)) for x, y in scaled]
