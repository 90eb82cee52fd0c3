"""A run without Prefect: its tasks in their order, on threads. So a test can afford several, and stop one.

python -m tests.flows.bare RECIPE.json ROOT
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from flows import plan as plans
from flows.curate import locate
from flows.plan import Plan
from flows.recipe import Recipe
from flows.release import release
from flows.stages import PER_SHARD
from tasks import world
from tasks.collect.task import collect
from tasks.publish.task import publish
from tasks.rows.shards import Shard


def run(recipe: Recipe, root: str, *, published: bool = False) -> Plan:
    """Bring every shard of a recipe through its stages, two at a time; then publish, if asked to."""
    with ExitStack() as services:
        where = locate(recipe, root, services)
        plan = plans.make(recipe, collect.fn(recipe.sources, where, recipe.collect))
        plans.save(world.storage(root), plan)
        plans.note_start(world.storage(root), plan, recipe)
        here = where.model_copy(update={"run": plan.run})

        def bring(shard: Shard) -> None:
            chain = [plan.intake_of(shard)]
            for planned in plan.stages:
                chain.append(PER_SHARD[planned.stage].task.fn(planned, shard, list(chain), here).data)

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(bring, plan.shards))
        if published:
            done = plans.chains(world.storage(root), plan)
            publish.fn(plan.publish, release(plan, here), plan.shards, done, here)
    return plan


if __name__ == "__main__":
    run(Recipe.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2])
