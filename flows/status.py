"""How far a run is: read from the storage root alone, while it runs or long after."""

from __future__ import annotations

from pathlib import PurePosixPath

from pydantic import BaseModel

from flows import plan as plans
from flows.budgets import ApprovalLine, BudgetLine, approvals, standing
from flows.plan import Plan
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
    budgets: list[BudgetLine] = []
    approvals: list[ApprovalLine] = []


def status(storage: Storage, plan: Plan) -> Status:
    """Where a run stands. Raises `ConservationError` if rows were lost between stages."""
    chains = plans.chains(storage, plan)
    last = plans.published(storage, plan, chains)
    dataset = last.files["dataset"] if last else None
    return Status(
        run=plan.run,
        shards=len(plan.shards),
        done=last is not None,
        dataset=f"{storage.root}/{PurePosixPath(dataset.name).parent}" if dataset else None,
        dataset_rows=dataset.rows if dataset else None,
        funnel=funnel(chains, plan.intakes, last),
        budgets=standing(storage, plan.run),
        approvals=approvals(storage, plan.run),
    )
