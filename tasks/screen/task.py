"""Screen a shard. Glue only: read, ask, decide, write."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.client.schemas.objects import State

from tasks.models.asker import Desk
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard
from tasks.rows.verdict import Decision
from tasks.screen import screening
from tasks.stage import PlannedStage, Row, Stage, each_row, run_shard
from tasks.task import OPTIONS, state
from tasks.world import Where

STAGE = Stage(
    name="screen",
    version=screening.VERSION,
    settings=screening.Settings,
    columns=screening.COLUMNS,
    evidence=screening.EVIDENCE,
    roles=("screener",),
    files=screening.FILES,
)


@task(name="screen", task_run_name="screen {shard.name}", **OPTIONS)
def screen(planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where) -> State[Manifest]:
    """The rows that are one self-contained question with one answer that can be checked."""

    async def decide(rows: Sequence[Row], desk: Desk, settings: screening.Settings) -> list[Decision]:
        return await each_row(rows, desk, "screener", lambda row, ask: screening.decide(row, ask, settings))

    return state(run_shard(STAGE, planned, shard, chain, where, decide))
