"""Screen a shard. Glue only: read, ask, decide, write."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.client.schemas.objects import State

from tasks.models.asker import Desk
from tasks.models.prompt import Ask
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
    more_roles=screening.more_roles,
    files=screening.FILES,
)


@task(name="screen", task_run_name="screen {shard.name}", **OPTIONS)
def screen(planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where) -> State[Manifest]:
    """The rows that are one self-contained question with one answer that can be checked."""

    async def decide(rows: Sequence[Row], desk: Desk, settings: screening.Settings) -> list[Decision]:
        async def screened(row: Row, ask: Ask) -> Decision:
            converter = desk.ask_for("converter", row["problem_id"]) if settings.convert else None
            return await screening.decide(row, ask, settings, converter)

        return await each_row(rows, desk, "screener", screened)

    return state(run_shard(STAGE, planned, shard, chain, where, decide))
