"""How far a run is, and what it cost: read from the storage root alone, while it runs or long after."""

from __future__ import annotations

from pydantic import BaseModel

from flows import plan as plans
from flows.plan import Plan
from tasks.ledger import spend as spends
from tasks.report.funnel import FunnelStep, funnel
from tasks.rows.storage import Storage


class Status(BaseModel):
    """One run: shards done and rows by fate, per stage."""

    run: str
    shards: int
    done: bool
    dataset: str | None
    dataset_rows: int | None
    funnel: list[FunnelStep]


class SpendLine(BaseModel):
    """One group of spend."""

    group: str
    attempts: int
    replies: int
    errors: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    microusd: int


class Spend(BaseModel):
    """What was paid under a root, in micro-dollars."""

    by: str
    lines: list[SpendLine]
    microusd: int
    possibly_paid_attempts: int
    possibly_paid_bound_microusd: int
    rehearsal: bool


def status(storage: Storage, plan: Plan) -> Status:
    """Where a run stands. Raises `ConservationError` if rows were lost between stages."""
    chains = plans.chains(storage, plan)
    last = plans.published(storage, plan, chains)
    dataset = last.files["dataset"] if last else None
    return Status(
        run=plan.run,
        shards=len(plan.shards),
        done=last is not None,
        dataset=f"{storage.root}/{dataset.name}" if dataset else None,
        dataset_rows=dataset.rows if dataset else None,
        funnel=funnel(chains, plan.intakes, last),
    )


def spend(storage: Storage, by: spends.By) -> Spend:
    """What was paid under a root, grouped."""
    log = spends.events(storage)
    maybe = spends.possibly_paid(log)
    groups = spends.spend(log, by).rename({by.value: "group"}).to_dicts()
    lines = [SpendLine.model_validate(group) for group in groups]
    return Spend(
        by=by.value,
        lines=lines,
        microusd=sum(line.microusd for line in lines),
        possibly_paid_attempts=maybe.height,
        possibly_paid_bound_microusd=int(maybe["bound_microusd"].sum()),
        rehearsal=bool(log.height) and bool(log["model"].str.starts_with("rehearsal/").any()),
    )
