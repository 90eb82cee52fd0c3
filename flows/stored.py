"""What of a recipe's rows earlier runs brought through its stages as they are now: stored replies are free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from flows import plan as plans
from flows.plan import Plan
from flows.recipe import Recipe
from flows.stages import PER_SHARD
from tasks.collect.task import fingerprint as pool_fingerprint
from tasks.errors import RecipeError
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tasks.stage import PlannedStage
from tasks.stage import plan as plan_stage

Asks = tuple[str, int, Mapping[str, str]]
"""A stage, which of the recipe's stages of that name it is, and all that bears on what it asks about a question."""


def collected(recipe: Recipe, storage: Storage) -> list[Manifest]:
    """The intakes of a recipe's sources under a root, pilots among them; none where nobody has collected them."""
    return manifests.find_all(storage, "collect", pool_fingerprint(recipe.sources, recipe.collect))


def paid_shares(recipe: Recipe, storage: Storage) -> list[float]:
    """`covered` of all that was collected of the recipe's sources; 0 everywhere if nothing was."""
    return covered(recipe, storage, collected(recipe, storage))


def covered(recipe: Recipe, storage: Storage, intakes: Sequence[Manifest]) -> list[float]:
    """For each stage of the recipe the share of the intakes' problems that a run has brought through it.

    A stage with other settings, prompts, models or benchmarks is another stage; one after another stage is not,
    because what it asks depends on the question alone. Rows of unfinished shards count as not covered.
    """
    found: list[list[pl.Series]] = [[] for _ in recipe.stages]
    mine = _asks(_planned(recipe))
    for plan in plans.load_all(storage):
        theirs = _asks(plan.stages)
        places = [(place, theirs.index(one)) for place, one in enumerate(mine) if one in theirs]
        for place, ids in _through(storage, plan, places):
            found[place].append(ids)
    pool = _problems(storage, intakes)["problem_id"].unique()
    return [_share(pool, ids) for ids in found]


def _planned(recipe: Recipe) -> list[PlannedStage]:
    models = recipe.models()
    planned = []
    for choice in recipe.stages:
        entry, settings = PER_SHARD[choice.stage], choice.typed()
        try:
            inputs = entry.inputs(settings)
        except RecipeError:  # what it reads is not there yet: then it is no stage that has been run
            inputs = {"missing": choice.stage}
        planned.append(plan_stage(entry.stage, settings, models, "", choice.requeue, **inputs))
    return planned


def _asks(stages: Sequence[PlannedStage]) -> list[Asks]:
    seen: Counter[str] = Counter()
    found: list[Asks] = []
    for one in stages:
        found.append((one.stage, seen[one.stage], {k: v for k, v in one.parts.items() if k != "upstream"}))
        seen[one.stage] += 1
    return found


def _through(storage: Storage, plan: Plan, places: Sequence[tuple[int, int]]) -> list[tuple[int, pl.Series]]:
    """The problems of a run that came through stages: of (place in the recipe, place in the run), the first."""
    if not places:
        return []
    rows = _problems(storage, plan.intakes)
    found = []
    for shard, chain in zip(plan.shards, plans.chains(storage, plan), strict=True):
        inside = pl.col("bucket").is_between(shard.low, shard.high, closed="left")
        ids = rows.filter(inside, intake=shard.intake)["problem_id"]
        found += [(place, ids) for place, theirs in places if len(chain) > theirs + 1]
    return found


def _problems(storage: Storage, intakes: Sequence[Manifest]) -> pl.DataFrame:
    frames = [pl.DataFrame(schema={"problem_id": pl.String, "bucket": pl.Int64, "intake": pl.String})]
    for one in intakes:
        read = manifests.read(storage, one, PROBLEMS, ["problem_id", "bucket"])
        frames.append(read.with_columns(intake=pl.lit(one.digest)))
    return pl.concat(frames)


def _share(pool: pl.Series, through: Sequence[pl.Series]) -> float:
    if pool.is_empty() or not through:
        return 0.0
    return pool.filter(pool.is_in(pl.concat(through).unique().implode())).len() / pool.len()
