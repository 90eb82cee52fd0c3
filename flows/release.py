"""What a run says of itself in its data set: stages, models, prompts and prices, and no address."""

from __future__ import annotations

import json

from flows.plan import Plan
from flows.ratings import audited
from flows.stages import PER_SHARD
from tasks import world
from tasks.models.prices import table as price_table
from tasks.publish.release import Release
from tasks.rate.audit import words
from tasks.rows.fingerprint import canonical_json
from tasks.stage import PlannedStage
from tasks.world import Where


def release(plan: Plan, where: Where) -> Release:
    """The description of a plan that publish ships along."""
    prices = price_table().with_models(where.prices)
    files = [(planned.stage, path) for planned in plan.stages for path in PER_SHARD[planned.stage].stage.files]
    return Release(
        recipe=plan.recipe,
        models={role: model.identity for role, model in sorted(plan.models.items())},
        sources=plan.sources,
        stages=(*(_bearing(planned) for planned in plan.stages), plan.publish),
        prices={name: prices.price(name) for name in sorted({model.name for model in plan.models.values()})},
        limits=_limits(plan, where),
        prompts={f"{stage}/{path.name}": path.read_text(encoding="utf-8") for stage, path in files},
    )


def _limits(plan: Plan, where: Where) -> tuple[str, ...]:
    """What early stopping of ratings may have got wrong, where the plan stops by their statistics."""
    found = audited(world.storage(where.root), plan)
    return (words(found),) if found else ()


def _bearing(planned: PlannedStage) -> PlannedStage:
    """A stage with those of its settings that bear on rows."""
    stage = PER_SHARD[planned.stage].stage
    bearing = stage.identity(stage.settings.model_validate(planned.settings))
    return planned.model_copy(update={"settings": json.loads(canonical_json(bearing))})
