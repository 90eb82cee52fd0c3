"""What a run is estimated to cost before its first request, for the person who must approve it."""

from __future__ import annotations

from decimal import Decimal

from flows.estimate import figures, worlds
from flows.plan import Plan
from flows.recipe import Recipe
from flows.stored import covered
from tasks.estimate.assumptions import assumptions
from tasks.estimate.figures import Estimate
from tasks.rows.storage import Storage


def estimate(recipe: Recipe, plan: Plan, storage: Storage) -> Estimate:
    """What the run takes for the problems it has collected, and how much of it is left to pay."""
    rows = sum(intake.kept for intake in plan.intakes)
    taken = worlds(recipe, rows, assumptions())
    return figures(recipe, rows, taken, "published rates and assumptions", covered(recipe, storage, plan.intakes))


def words(found: Estimate, bound: Decimal) -> str:
    """Why the run waits."""
    due, all_in_all = found.to_pay_usd, found.usd.middle + found.card_usd.middle
    paid = f" (USD {all_in_all:,.2f}, less what is paid already)" if any(found.free) else ""
    return (
        f"the run is estimated to cost USD {due.middle:,.2f}{paid}, with 90% between {due.low:,.2f} and "
        f"{due.high:,.2f}, for {found.rows:,} rows, from {found.basis}; above approve_above_usd, USD {bound:,.2f}, a "
        "named person must approve it. Nothing was asked yet."
    )
