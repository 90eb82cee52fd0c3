"""Verify a shard. Glue only: read, compare, decide, write."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prefect import task
from prefect.client.schemas.objects import State

from tasks.models.asker import Desk
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard
from tasks.rows.verdict import Decision
from tasks.stage import PlannedStage, Row, Stage, run_shard
from tasks.task import OPTIONS, state
from tasks.verify import consensus
from tasks.verify.pool import shared
from tasks.world import Where

STAGE = Stage(
    name="verify",
    version=consensus.VERSION,
    settings=consensus.Settings,
    columns=consensus.COLUMNS,
    evidence=consensus.EVIDENCE,
)


@task(name="verify", task_run_name="verify {shard.name}", **OPTIONS)
def verify(planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where) -> State[Manifest]:
    """The rows whose solutions agree, with each other and with the source."""

    async def decide(rows: Sequence[Row], _: Desk, settings: consensus.Settings) -> list[Decision]:
        verifier = shared(settings.cpu_seconds, settings.memory_mib << 20)
        return await asyncio.to_thread(consensus.decide_rows, rows, verifier, settings)

    return state(run_shard(STAGE, planned, shard, chain, where, decide))
