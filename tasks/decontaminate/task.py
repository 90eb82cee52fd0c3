"""Decontaminate a shard. Glue only: read, look up, ask, decide, write."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import world
from tasks.decontaminate import judging
from tasks.decontaminate.benchmarks import BenchmarkTable, Neighbour, load
from tasks.decontaminate.neighbours import find, texts
from tasks.decontaminate.settings import Settings
from tasks.embedding import vectors
from tasks.embedding.embed import Vectors
from tasks.embedding.vectors import KeptVectors
from tasks.errors import RecipeError
from tasks.models.asker import Desk
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard
from tasks.rows.verdict import Decision
from tasks.stage import PlannedStage, Row, Stage, each_row, run_shard
from tasks.task import OPTIONS, state
from tasks.world import Where


def identity(settings: Settings) -> Mapping[str, Any]:
    """The settings without the benchmarks' paths: their content is an input of its own, see `inputs`."""
    return settings.model_dump(exclude={"benchmarks"})


def inputs(settings: Settings) -> Mapping[str, str]:
    """The benchmarks' content, for the stage's fingerprint. Raises `RecipeError` if a file is missing."""
    return {"benchmarks": load(settings.benchmarks, world.read_outside).digest}


@lru_cache(maxsize=1)
def _table(settings: Settings, planned: str) -> BenchmarkTable:
    """The benchmarks, once per process, if their digest is still the planned one."""
    table = load(settings.benchmarks, world.read_outside)
    if table.digest != planned:
        names = ", ".join(benchmark.path for benchmark in settings.benchmarks)
        raise RecipeError(f"the benchmarks ({names}) have changed since the run was planned; start it again")
    return table


STAGE = Stage(
    name="decontaminate",
    version=judging.VERSION,
    settings=Settings,
    identity=identity,
    columns=judging.COLUMNS,
    evidence=judging.EVIDENCE,
    roles=("judge",),
    files=judging.FILES,
)


@task(name="decontaminate", task_run_name="decontaminate {shard.name}", **OPTIONS)
def decontaminate(planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where) -> State[Manifest]:
    """The rows that repeat no benchmark question. Raises `RecipeError` if the benchmarks have changed."""

    def look_up(rows: Sequence[Row], settings: Settings) -> list[list[Neighbour]]:
        kept = partial(KeptVectors, world.storage(where.root), settings.embedder)
        table = _table(settings, planned.parts["inputs.benchmarks"])

        def of_rows(rows: Sequence[Row]) -> Mapping[str, Vectors]:
            return vectors.of_rows(((row["problem_id"], texts(row)) for row in rows), kept)

        return find(rows, table, settings, kept().windows, of_rows)

    async def decide(rows: Sequence[Row], desk: Desk, settings: Settings) -> list[Decision]:
        found = await asyncio.to_thread(look_up, rows, settings)
        looked_up = [{**row, "neighbours": near} for row, near in zip(rows, found, strict=True)]
        return await each_row(looked_up, desk, "judge", lambda row, ask: judging.decide(row, ask, settings))

    return state(run_shard(STAGE, planned, shard, chain, where, decide))
