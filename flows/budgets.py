"""How a run's budgets stand, and who approved its cost: read from its storage root, while it runs or long after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel

from flows import plan as plans
from tasks.errors import StorageError
from tasks.ledger import grants
from tasks.ledger.books import BooksOfRun
from tasks.ledger.budget import CARD_TIME, Position, positions
from tasks.ledger.gpu import allocated_ms
from tasks.ledger.grants import Grants
from tasks.rows.storage import Storage


class BudgetLine(BaseModel):
    """One budget as it stands. `scope` is `run` or a stage, in micro-dollars; or `gpu_hours`, in milliseconds of one
    card.
    """

    scope: str
    limit: int
    spent: int
    possibly_paid: int
    reserved: int
    left: int


def standing(storage: Storage, run: str) -> list[BudgetLine]:
    """How each budget of a run stands; what desks have paid since they last asked for money is still `reserved`."""
    try:
        budget = plans.recipe_of(storage, run).budget
    except StorageError:  # it was planned and never started
        return []
    granted = Grants(storage, run).granted()
    limits, card_ms = grants.limits(budget, granted), grants.card_ms(budget, granted)
    found = lines(positions(BooksOfRun(storage, run).read(), limits)) if limits else []
    return found if card_ms is None else [*found, _of_cards(storage, run, card_ms)]


def _of_cards(storage: Storage, run: str, limit: int) -> BudgetLine:
    used = allocated_ms(storage, run, time.time_ns() // 1_000_000)
    return BudgetLine(
        scope=CARD_TIME, limit=limit, spent=used, possibly_paid=0, reserved=0, left=max(0, limit - used)
    )


class ApprovalLine(BaseModel):
    """What a person approved that the run costs, in micro-dollars. `at_ms` is Unix milliseconds."""

    by: str
    at_ms: int
    microusd: int
    note: str

    @property
    def words(self) -> str:
        """The same as a sentence."""
        when = datetime.fromtimestamp(self.at_ms / 1000, UTC)
        cost, why = f"{self.microusd / 1_000_000:,.2f}", f": {self.note}" if self.note else ""
        return f"approved by {self.by} at {when:%Y-%m-%d %H:%M} UTC, estimated at USD {cost}{why}"


def approvals(storage: Storage, run: str) -> list[ApprovalLine]:
    """Who approved what a run is estimated to cost, in order; nobody where its recipe does not ask for that."""
    return [
        ApprovalLine(by=one.by, at_ms=one.at_ms, microusd=one.request.limit, note=one.note)
        for one in grants.approvals(Grants(storage, run).granted())
    ]


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
