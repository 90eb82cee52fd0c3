"""Verify a shard. Glue only: read, compare, decide, write."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prefect import task
from prefect.client.schemas.objects import State

from tasks.models.asker import Desk
from tasks.models.prompt import Ask
from tasks.rows.manifest import Manifest
from tasks.rows.shards import Shard
from tasks.rows.verdict import Decision
from tasks.stage import PlannedStage, Row, Stage, each_row, run_shard
from tasks.task import OPTIONS, state
from tasks.verify import consensus, judging, pass_rate
from tasks.verify.pool import shared
from tasks.world import Where

STAGE = Stage(
    name="verify",
    version=consensus.VERSION,
    settings=consensus.Settings,
    columns={**consensus.COLUMNS, **pass_rate.COLUMNS},
    evidence=judging.EVIDENCE,
    identity=judging.identity,
    more_roles=judging.more_roles,
)


@task(name="verify", task_run_name="verify {shard.name}", **OPTIONS)
def verify(planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where) -> State[Manifest]:
    """The rows whose solutions agree, with each other and with the source."""
    return state(run_shard(STAGE, planned, shard, chain, where, decide))


async def decide(rows: Sequence[Row], desk: Desk, settings: consensus.Settings) -> list[Decision]:
    """Decide rows by rule, and where the settings ask for it by a judge what rules leave open; then tell how often a
    second solver met what is published."""
    verifier = shared(settings.cpu_seconds, settings.memory_mib << 20)
    if settings.judge:
        decisions = await _judged(rows, desk, verifier, settings)
    else:
        decisions = await asyncio.to_thread(consensus.decide_rows, rows, verifier, settings)
    return await asyncio.to_thread(pass_rate.with_pass_rates, rows, decisions, verifier)


async def _judged(
    rows: Sequence[Row], desk: Desk, verifier: consensus.Compares, settings: consensus.Settings
) -> list[Decision]:
    found = await asyncio.to_thread(consensus.cases, rows, verifier, settings)
    compared = [{**row, "case": case, "table": table} for row, (case, table) in zip(rows, found, strict=True)]

    async def judged(row: Row, ask: Ask) -> Decision:
        return await judging.decide(row["question"], row["case"], row["table"], ask, settings)

    return await each_row(compared, desk, judging.ROLE, judged)
