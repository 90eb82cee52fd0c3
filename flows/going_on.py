"""What the command line says when a run has stopped on purpose: why, what is left, and the command that goes on."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from decimal import Decimal

from tasks.errors import Halted
from tasks.ledger.budget import CARD_TIME, RUN, Position
from tasks.ledger.grants import APPROVAL


class Paused(Halted):
    """A run has stopped on purpose, and its shards are drained.

    `budgets` is how each of its budgets stands, and `reached` the scopes of those that stopped it.
    """

    def __init__(self, message: str, budgets: Sequence[Position] = (), reached: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.budgets, self.reached = tuple(budgets), tuple(reached)


def command(arguments: Sequence[str], paused: Paused) -> str:
    """The command that goes on with twice the budget, or with an approval; the same command, where it is another
    bound than the run's that is reached.

    `arguments` are those that the run was started with.
    """
    again = list(arguments)
    if APPROVAL in paused.reached:
        again = [*_without(again, "--approved-by"), "--approved-by", "YOUR NAME"]
    whole = next((one for one in paused.budgets if one.scope == RUN and RUN in paused.reached), None)
    if whole is not None:
        again = [*_without(again, "--budget-usd"), "--budget-usd", f"{Decimal(2 * whole.limit) / 1_000_000:f}"]
    return shlex.join(["python", "-m", "flows", *again])


def words(arguments: Sequence[str], paused: Paused) -> str:
    """All of it, for a person."""
    if APPROVAL in paused.reached:
        return f"{paused}\nTo approve it, start:\n  {command(arguments, paused)}"
    stages = [one for one in paused.reached if one != RUN]
    first = (
        f"raise budget.stages.{stages[0]}.usd in the recipe, then " if stages and RUN not in paused.reached else ""
    )
    return (
        f"{paused}\nWhat was in flight is kept, and nothing that is paid for will be paid again. To go on, "
        f"{first}start:\n  {command(arguments, paused)}"
    )


def _setting(scope: str) -> str:
    """Where a recipe has the bound of a scope."""
    return f"budget.{CARD_TIME}" if scope == CARD_TIME else f"budget.stages.{scope}.usd"


def _without(arguments: list[str], option: str) -> list[str]:
    kept: list[str] = []
    rest = iter(arguments)
    for one in rest:
        if one == option:
            next(rest, None)
        elif not one.startswith(f"{option}="):
            kept.append(one)
    return kept
