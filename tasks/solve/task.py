"""Solve a shard. Glue only: read, ask, decide, write."""

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
from tasks.solve import hope, solving
from tasks.stage import PlannedStage, Row, Stage, each_row, run_shard
from tasks.task import OPTIONS, state
from tasks.verify import consensus
from tasks.verify.pool import shared
from tasks.world import Where

STAGE = Stage(
    name="solve",
    version=solving.VERSION,
    settings=solving.Settings,
    columns=solving.COLUMNS,
    evidence=solving.EVIDENCE,
    roles=("solver",),
    files=solving.FILES,
    identity=solving.identity,
    more_roles=solving.more_roles,
)


@task(name="solve", task_run_name="solve {shard.name}", **OPTIONS)
def solve(planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where) -> State[Manifest]:
    """Solutions of the rows that the stage before kept."""

    async def decide(rows: Sequence[Row], desk: Desk, settings: solving.Settings) -> list[Decision]:
        async def solved(row: Row, ask: Ask) -> Decision:
            second = desk.ask_for("second_solver", row["problem_id"]) if settings.second_solutions else None
            return await solving.decide(row, ask, settings, _hopeful(row, settings), second)

        return await each_row(rows, desk, "solver", solved)

    return state(run_shard(STAGE, planned, shard, chain, where, decide))


def _hopeful(row: Row, settings: solving.Settings) -> solving.Hopeful | None:
    if settings.sampling == "all":
        return None
    limits = consensus.Settings()

    async def hopeful(solutions: Sequence[str]) -> bool:
        verifier = shared(limits.cpu_seconds, limits.memory_mib << 20)
        return await asyncio.to_thread(hope.hopeful, row, solutions, verifier)

    return hopeful
