"""Solve a shard. Glue only: read, ask, decide, write."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.client.schemas.objects import State

from tasks.models.asker import Desk
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard
from tasks.rows.verdict import Decision
from tasks.solve import solving
from tasks.stage import PlannedStage, Row, Stage, each_row, run_shard
from tasks.task import OPTIONS, state
from tasks.world import Where

STAGE = Stage(
    name="solve",
    version=solving.VERSION,
    settings=solving.Settings,
    columns=solving.COLUMNS,
    evidence=solving.EVIDENCE,
    roles=("solver",),
    files=solving.FILES,
)


@task(name="solve", task_run_name="solve {shard.name}", **OPTIONS)
def solve(planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where) -> State[Manifest]:
    """Solutions of the rows that the stage before kept."""
    settings = solving.Settings.model_validate(planned.settings)

    async def decide(rows: Sequence[Row], desk: Desk) -> list[Decision]:
        return await each_row(rows, desk, "solver", lambda row, ask: solving.decide(row, ask, settings))

    return state(run_shard(STAGE, planned, shard, chain, where, decide))
