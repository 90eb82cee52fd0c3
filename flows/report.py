"""The report page of a run: its facts read from the storage root, while it goes or long after, then written as HTML.

What is published lies beside the run's plan, named by the facts that it tells: nothing new, no new page. A new one
takes the place of those before it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from flows import plan as plans
from flows.contaminated import contaminated
from flows.plan import Plan
from tasks.errors import StorageError
from tasks.ledger import gpu
from tasks.report import counts
from tasks.report.contamination import Contamination
from tasks.report.examples import examples
from tasks.report.facts import Facts, ModelOf
from tasks.report.funnel import funnel
from tasks.report.novelty import Novelty
from tasks.report.outlay import OfRun, of_run, outlay
from tasks.rows.fingerprint import digest
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage

NOVELTY = "novelty-"
_PAGE = "report-"


def facts(storage: Storage, plan: Plan, told: OfRun | None = None) -> Facts:
    """What there is to say of a run. Memory does not grow with solutions, nor with the ledger.

    `told` is what the log tells of it, for whoever has just read that.
    """
    chains = plans.chains(storage, plan)
    last = plans.published(storage, plan, chains)
    through = [chain for chain in chains if len(chain) == len(plan.stages) + 1]
    later = [one for chain in chains for one in chain[1:]]
    released = counts.kept_ids(storage, [last] if last else [chain[-1] for chain in through])
    rated, spread = counts.ratings(storage, _of(later, "rate"))
    told = told or of_run(storage, plan.run, time.time_ns() // 1_000_000)
    paid = outlay(told, gpu.leases(storage, plan.run), [one.stage for one in plan.stages])
    found, sizes = _contamination(storage, plan)
    return Facts(
        run=plan.run,
        recipe=plan.recipe,
        rehearsal=any(model.identity.startswith("rehearsal/") for model in plan.models.values()),
        finished=last is not None,
        dataset=last.files["dataset"].name.split("/")[1] if last else None,
        rows=released.len(),
        shards=len(chains),
        shards_done=len(through),
        as_of_ms=paid.as_of_ms,
        models=[ModelOf(role=role, name=one.name, identity=one.identity) for role, one in plan.models.items()],
        funnel=funnel(chains, plan.intakes, last),
        difficulty=rated,
        gate=next((one.settings.get("gate") for one in plan.stages if one.stage == "rate"), None),
        spread=spread,
        topics=counts.values(storage, _of(later, "classify"), "topic", released),
        answer_types=counts.values(storage, _of(later, "screen"), "answer_type", released),
        guessable=counts.guessable(storage, _of(later, "verify"), released),
        solution_tokens=counts.solution_tokens(storage, _of(later, "solve"), released),
        contamination=found,
        questions=sizes,
        paid=paid.stages,
        over_time=paid.over_time,
        maybe_attempts=paid.maybe_attempts,
        maybe_microusd=paid.maybe_microusd,
        hours=paid.hours,
        examples=examples(storage, plan.intakes, [*later, *([last] if last else [])], released),
        novelty=_novelty(storage, plan.run),
    )


def publish(storage: Storage, plan: Plan, told: OfRun | None = None) -> str:
    """Write the page beside the plan, unless it is there already, and take older ones away; gives its address: a
    path, or a URL. `told` as in `facts`.
    """
    from tasks.report.html.page import page

    found = facts(storage, plan, told)
    name = f"runs/{plan.run}/{_PAGE}{digest(found.model_dump(mode='json'))[:12]}.html"
    if not storage.exists(name):
        storage.put(name, page(found).encode("utf-8"))
    for other in storage.list(f"runs/{plan.run}"):
        if other != name and other.split("/")[-1].startswith(_PAGE):
            storage.delete(other)
    return f"{storage.base if storage.is_local else storage.root}/{name}"


def _of(done: Sequence[Manifest], stage: str) -> list[Manifest]:
    return [one for one in done if one.stage == stage]


def _contamination(storage: Storage, plan: Plan) -> tuple[Contamination | None, dict[str, int]]:
    try:
        return contaminated(storage, plan)
    except StorageError:
        return None, {}


def _novelty(storage: Storage, run: str) -> list[Novelty]:
    """Every comparison that was made for the run, by what it was held against."""
    names = [name for name in storage.list(f"runs/{run}") if name.split("/")[-1].startswith(NOVELTY)]
    found = [Novelty.model_validate_json(data) for data in storage.read_all(names).values()]
    return sorted(found, key=lambda one: (one.against, one.rows))
