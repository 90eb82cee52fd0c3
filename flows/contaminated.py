"""The contamination report of a run: read from its manifests and, for shares, from the benchmarks themselves."""

from __future__ import annotations

from collections import Counter

import polars as pl

from flows import plan as plans
from flows.plan import Plan
from tasks import world
from tasks.decontaminate.benchmarks import BenchmarkTable, load
from tasks.decontaminate.settings import Settings
from tasks.errors import RecipeError, SourceError, StorageError
from tasks.report.contamination import NEIGHBOUR_COLUMNS, VERDICT_COLUMNS, Contamination, contamination
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.storage import Storage
from tasks.stage import PlannedStage

STAGE = "decontaminate"


def contaminated(storage: Storage, plan: Plan) -> tuple[Contamination, dict[str, int]]:
    """The report over all finished shards, and how many questions each benchmark has (none where nobody can tell).

    A recipe that decontaminates twice is reported by its first time, which sees all rows. Raises `StorageError` where
    no shard has come through the stage.
    """
    place = next((i for i, one in enumerate(plan.stages, start=1) if one.stage == STAGE), None)
    done = [chain[place] for chain in plans.chains(storage, plan) if place and len(chain) > place]
    if place is None or not done:
        raise StorageError(f"run {plan.run} has no finished shard of {STAGE}: there is nothing to report yet")
    verdicts = pl.concat([manifests.read(storage, one, columns=list(VERDICT_COLUMNS)) for one in done])
    shown = [manifests.read(storage, one, "neighbours", list(NEIGHBOUR_COLUMNS)).unique() for one in done]
    columns = ["problem_id", "source"]
    pool = pl.concat([manifests.read(storage, one, PROBLEMS, columns) for one in plan.intakes])
    return contamination(verdicts, pl.concat(shown), dict(pool.iter_rows())), sizes(plan.stages[place - 1])


def sizes(planned: PlannedStage) -> dict[str, int]:
    """Questions of each benchmark, if the files are still those of the run; else nothing."""
    try:
        table: BenchmarkTable = load(Settings.model_validate(planned.settings).benchmarks, world.read_outside)
    except (RecipeError, SourceError):
        return {}
    if table.digest != planned.parts["inputs.benchmarks"]:
        return {}
    return dict(Counter(name for entry in table.entries for name in entry.benchmark.split("+")))
