"""What a sample of each source tells of it: the paid part of `python -m flows profile RECIPE --sample N`.

The sample is run like any pilot, by the whole recipe, so a run of the recipe finds its replies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from flows import plan as plans
from flows.estimate import card_usd, servers
from flows.pilot import seen
from flows.plan import Plan
from flows.recipe import Recipe
from tasks.estimate.assumptions import assumptions
from tasks.estimate.figures import Interval
from tasks.estimate.pilot import scaled, unreached
from tasks.estimate.sample import Sampled, mean, per_thousand, share
from tasks.rate import rating
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tasks.rows.verdict import Verdict

_RATINGS = ["difficulty", "ratings"]


def sampled(recipe: Recipe, storage: Storage, plan: Plan, pools: Mapping[str, int]) -> list[Sampled]:
    """What the finished run over a sample tells of each source; `pools` says how many problems each has.

    Raises `CurationError` if the run is not finished.
    """
    lines = seen(storage, plan)
    own = pl.concat([manifests.read(storage, one, PROBLEMS, ["problem_id", "source"]) for one in plan.intakes])
    done = [manifest for chain in plans.chains(storage, plan) for manifest in chain[1:]]
    judged = _verdicts(storage, [one for one in done if one.stage == "decontaminate"])
    rated = _verdicts(storage, [one for one in done if one.stage == "rate"], _RATINGS)
    return [
        _of_source(recipe, source.name, pools[source.name], lines, judged, rated, own.filter(source=source.name))
        for source in recipe.sources
    ]


def _of_source(
    recipe: Recipe, name: str, pool: int, lines: pl.DataFrame, judged: pl.DataFrame, rated: pl.DataFrame,
    own: pl.DataFrame,
) -> Sampled:  # fmt: skip
    lines, judged, rated = (one.join(own, on="problem_id", how="semi") for one in (lines, judged, rated))
    levels = rated.select(level=pl.coalesce("difficulty", pl.col("ratings").list.mean()))["level"].drop_nulls()
    steps = (levels * 2 + 0.5).floor() / 2  # half up
    return Sampled(
        source=name,
        rows=own.height,
        pool=pool,
        contaminated=_share_of(judged, Verdict.DROP),
        difficulty=mean(levels.to_numpy()),
        hard=_share_of(rated, Verdict.KEEP),
        accepted=share(_accepted(recipe, lines), own.height),
        **_costs(recipe, lines, pool),
        difficulties=dict(sorted(steps.alias("level").value_counts().iter_rows())),
    )


def _costs(recipe: Recipe, lines: pl.DataFrame, pool: int) -> dict[str, Any]:
    """What a thousand accepted rows cost; unknown where no row of the sample came as far as the last stage."""
    if unreached([one.stage for one in recipe.stages], lines):
        return {"usd_per_thousand": None, "gpu_hours_per_thousand": None}
    taken = scaled(lines, pool, servers(recipe), assumptions().worlds({}))
    accepted = taken[-1].rows_out
    usd, hours = ([one.usd + card_usd(one) for one in taken], [one.gpu_hours for one in taken])
    return {
        "usd_per_thousand": per_thousand(np.sum(usd, axis=0), accepted),
        "gpu_hours_per_thousand": per_thousand(np.sum(hours, axis=0), accepted),
    }


def _accepted(recipe: Recipe, lines: pl.DataFrame) -> int:
    return lines.filter(pl.col("place") == len(recipe.stages) - 1, "kept").height


def _share_of(decided: pl.DataFrame, verdict: Verdict) -> Interval | None:
    """The share that has this verdict, of those that were decided: who could not be is neither."""
    known = decided.filter(pl.col("verdict") != Verdict.QUARANTINE)
    return share(known.filter(pl.col("verdict") == verdict).height, known.height)


def _verdicts(storage: Storage, done: Sequence[Manifest], more: Sequence[str] = ()) -> pl.DataFrame:
    """A stage's verdicts and some more columns, over all shards. Of a stage that comes twice, a row's last."""
    columns = ["problem_id", "verdict", *more]
    none = pl.DataFrame(schema={name: rating.COLUMNS.get(name, pl.String) for name in columns})
    found = pl.concat([none, *(manifests.read(storage, one, columns=columns) for one in done)])
    return found.unique("problem_id", keep="last", maintain_order=True)
