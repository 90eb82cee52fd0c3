"""Rate a shard. Glue only: read, ask, decide, write."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.client.schemas.objects import State

from tasks.models.asker import Desk
from tasks.rate import rating
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard
from tasks.rows.verdict import Decision
from tasks.stage import PlannedStage, Row, Stage, each_row, run_shard
from tasks.task import OPTIONS, state
from tasks.world import Where

STAGE = Stage(
    name="rate",
    version=rating.VERSION,
    settings=rating.Settings,
    columns=rating.COLUMNS,
    evidence=rating.EVIDENCE,
    roles=("rater",),
    files=rating.FILES,
    identity=rating.identity,
)


@task(name="rate", task_run_name="rate {shard.name}", **OPTIONS)
def rate(planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where) -> State[Manifest]:
    """Ratings of the rows that the stage before kept."""

    async def decide(rows: Sequence[Row], desk: Desk, settings: rating.Settings) -> list[Decision]:
        return await each_row(rows, desk, "rater", lambda row, ask: rating.decide(row, ask, settings))

    return state(run_shard(STAGE, planned, shard, chain, where, decide))
