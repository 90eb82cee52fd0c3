"""How the budgets of a run stand: read from its storage root alone, while it runs or long after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from flows import plan as plans
from tasks.errors import StorageError
from tasks.ledger import grants
from tasks.ledger.books import BooksOfRun
from tasks.ledger.budget import Position, positions
from tasks.ledger.grants import Grants
from tasks.rows.storage import Storage


class BudgetLine(BaseModel):
    """One budget as it stands; micro-dollars. `scope` is `run` or a stage."""

    scope: str
    limit: int
    spent: int
    possibly_paid: int
    reserved: int
    left: int


def limits(storage: Storage, run: str) -> Mapping[str, int]:
    """What a run may spend by the recipe it was last started with and by what was granted since, by scope."""
    try:
        budget = plans.recipe_of(storage, run).budget
    except StorageError:  # it was planned and never started
        return {}
    return grants.limits(budget, Grants(storage, run).granted())


def standing(storage: Storage, run: str) -> list[BudgetLine]:
    """How each budget of a run stands; what desks have paid since they last asked for money is still `reserved`."""
    bounds = limits(storage, run)
    return lines(positions(BooksOfRun(storage, run).read(), bounds)) if bounds else []


def lines(budgets: Sequence[Position]) -> list[BudgetLine]:
    """Budgets as they are shown."""
    return [
        BudgetLine(
            scope=one.scope,
            limit=one.limit,
            spent=one.spent,
            possibly_paid=one.maybe,
            reserved=one.reserved,
            left=one.left,
        )
        for one in budgets
    ]
