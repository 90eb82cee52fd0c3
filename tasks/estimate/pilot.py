"""What a pilot tells of the rest: its rows' fates and costs, scaled to a whole pool. Pure.

The pilot's rows are a random part of the pool, and are known; what is unknown is the rest. Of each stage the share
that it keeps has the posterior of Jeffreys' prior, and the rest keeps a binomial number; what a row costs there has
the mean of the pilot's rows, within Student's t, and a spread of its own that averages out over the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.estimate.assumptions import DRAWS, Draws
from tasks.estimate.worlds import Server, Step, Taken, World, of_tokens

SEEN = {
    "place": pl.Int64,
    "stage": pl.String,
    "problem_id": pl.String,
    "kept": pl.Boolean,
    "requests": pl.Int64,
    "usd": pl.Float64,
    "input_tokens": pl.Int64,
    "output_tokens": pl.Int64,
}
"""A pilot: one line for each problem that came to the stage at `place` (0 the first), and what it took there. `usd`
is what its replies cost when they were bought, by whatever run."""
_COSTS = ("requests", "input_tokens", "output_tokens", "usd")


def scaled(
    seen: pl.DataFrame, rows: int, servers: Mapping[str, Server | None], world: World, seed: int = 0
) -> list[Taken]:
    """What each stage takes for a pool of `rows`, the pilot's among them. `seen` has `SEEN`'s columns.

    A stage that no row of the pilot reached tells nothing: raises `ValueError` naming it.
    """
    random = np.random.default_rng(seed)
    first = seen.filter(pl.col("place") == 0).height
    rest: NDArray[np.int64] = np.full(DRAWS, max(rows - first, 0))
    taken = []
    for (_, stage), lines in seen.sort("place").group_by(["place", "stage"], maintain_order=True):
        if str(stage) not in servers:
            raise ValueError(f"the pilot has a stage {stage} that the recipe has not")
        kept = int(lines["kept"].sum())
        passing = random.beta(kept + 0.5, lines.height - kept + 0.5, DRAWS)
        onward = random.binomial(rest, passing)
        costs = {name: _total(lines[name].cast(pl.Float64).to_numpy(), rest, random) for name in _COSTS}
        server = servers[str(stage)]
        cards, hours = of_tokens(server, costs["requests"], costs["input_tokens"], costs["output_tokens"], world)
        taken.append(
            Taken(
                step=Step(stage=str(stage), server=server),
                rows_in=(rest + lines.height).astype(np.float64),
                rows_out=(onward + kept).astype(np.float64),
                gpu_hours=cards,
                hours=hours,
                **costs,
            )
        )
        rest = onward
    return taken


def unreached(stages: Sequence[str], seen: pl.DataFrame) -> list[str]:
    """Stages of a recipe, in order, that no row of the pilot came to: of these it tells nothing."""
    return list(stages[int(seen["place"].n_unique()) :])


def _total(known: NDArray[np.float64], rest: NDArray[np.int64], random: np.random.Generator) -> Draws:
    """The pilot's own sum and that of `rest` more rows like them."""
    count = len(known)
    spread = float(known.std(ddof=1)) if count > 1 else float(known.mean())
    mean = known.mean() + random.standard_t(max(count - 1, 1), DRAWS) * spread / np.sqrt(count)
    others = rest * mean + random.standard_normal(DRAWS) * spread * np.sqrt(rest)
    return np.asarray(known.sum() + np.maximum(others, 0))
