"""The forms by which the Prefect UI asks a person what a run that has stopped may do.

Defaults stand in the fields: a value given to `with_initial_data` takes a field's bound and description away.
"""

from __future__ import annotations

from prefect.input import RunInput
from pydantic import Field

from tasks.ledger.budget import RUN
from tasks.ledger.card_time import HOUR_MS
from tasks.ledger.grants import Request


def for_more(request: Request) -> type[RunInput]:
    """More money."""
    whose = "the whole run" if request.scope == RUN else f"stage {request.scope}"
    now = request.limit / 1_000_000

    class MoreBudget(RunInput):
        usd: float = Field(
            default=2 * now,
            gt=now,
            description=f"New budget of {whose} in US dollars, what is spent already included",
        )
        note: str = Field(default="", max_length=1000, description="Why, for the record")

    return MoreBudget.with_initial_data(description=request.words)


def for_cards(request: Request) -> type[RunInput]:
    """More card-hours."""
    now = request.limit / HOUR_MS

    class MoreGpuHours(RunInput):
        gpu_hours: float = Field(
            default=2 * now, gt=now, description="New budget of the run in GPU-hours, what is used already included"
        )
        note: str = Field(default="", max_length=1000, description="Why, for the record")

    return MoreGpuHours.with_initial_data(description=request.words)


def to_go_on(request: Request) -> type[RunInput]:
    """To go on all the same."""

    class GoOn(RunInput):
        note: str = Field(min_length=1, max_length=1000, description="Why the run goes on all the same")

    return GoOn.with_initial_data(description=request.words)


def to_approve(request: Request) -> type[RunInput]:
    """Who approves what the run is estimated to cost."""

    class Approval(RunInput):
        name: str = Field(pattern=r"\S", max_length=200, description="Your name: who approves the run")
        note: str = Field(default="", max_length=1000, description="Why, for the record")

    return Approval.with_initial_data(description=request.words)
