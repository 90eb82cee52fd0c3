"""Classify a shard. Glue only: read, ask, decide, write."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.client.schemas.objects import State

from tasks.classify import topics
from tasks.models.asker import Desk
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard
from tasks.rows.verdict import Decision
from tasks.stage import PlannedStage, Row, Stage, each_row, run_shard
from tasks.task import OPTIONS, state
from tasks.world import Where

STAGE = Stage(
    name="classify",
    version=topics.VERSION,
    settings=topics.Settings,
    columns=topics.COLUMNS,
    evidence=topics.EVIDENCE,
    roles=("topic",),
    files=topics.FILES,
)


@task(name="classify", task_run_name="classify {shard.name}", **OPTIONS)
def classify(planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where) -> State[Manifest]:
    """Topics of the rows that the stage before kept."""

    async def decide(rows: Sequence[Row], desk: Desk, settings: topics.Settings) -> list[Decision]:
        return await each_row(rows, desk, "topic", lambda row, ask: topics.decide(row, ask, settings))

    return state(run_shard(STAGE, planned, shard, chain, where, decide))
