"""What a run may spend, and what is left of it. Pure.

An *account* is one desk's: what it was granted counts as used until the desk gives it back or closes, whether it is
spent yet or not. So the sum of all accounts never exceeds the budget, however many desks there are, and one that
dies takes no more with it than its grant.

Money that may have been paid (a request that was cut, or whose answer never came) counts as used, by its bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(frozen=True, extra="forbid")
_GRANT_REQUESTS, _GRANT_SHARE = 64, 8
"""An account is granted money for so many requests at once, but never more than this part of what is left."""


class StageBudget(BaseModel):
    """What one stage of a run may spend."""

    model_config = _STRICT

    usd: Decimal = Field(ge=0, description="Dollars")


class Budget(BaseModel):
    """What a run may spend. Never part of a fingerprint: more money is not another result."""

    model_config = _STRICT

    usd: Decimal | None = Field(default=None, ge=0, description="Dollars of the whole run; no bound if left out")
    gpu_hours: Decimal | None = Field(default=None, ge=0, description="GPU-hours of the whole run")
    stages: Mapping[str, StageBudget] = Field(default_factory=dict, description="Bounds of single stages")

    def limits(self) -> dict[str, int]:
        """Micro-dollars by scope: a stage's name, or `RUN`."""
        found = {stage: micro(one.usd) for stage, one in self.stages.items()}
        return found if self.usd is None else {RUN: micro(self.usd), **found}

    @property
    def card_ms(self) -> int | None:
        """Milliseconds of one card; None without a bound."""
        return None if self.gpu_hours is None else int(self.gpu_hours * 3_600_000)


RUN = "run"
"""The scope of the whole run's money, beside the names of stages."""
CARD_TIME = "gpu_hours"
"""The scope of the whole run's GPU-hours."""


class Paid(BaseModel):
    """Micro-dollars that were spent, and that may have been."""

    model_config = _STRICT

    spent: int = 0
    maybe: int = 0


class Account(BaseModel):
    """One desk's. `granted` is all it may spend, what it has spent included; micro-dollars."""

    model_config = _STRICT

    stage: str
    shard: str
    granted: int
    paid: Paid = Paid()


class Books(BaseModel):
    """All money of one run: closed accounts by stage, and the open ones by desk."""

    model_config = _STRICT

    closed: dict[str, Paid] = {}
    open: dict[str, Account] = {}

    def with_account(self, desk: str, account: Account) -> Books:
        """These books with a desk's account as it is now."""
        return self.model_copy(update={"open": {**self.open, desk: account}})

    def without(self, desk: str, stage: str, paid: Paid) -> Books:
        """These books after a desk of a stage has closed its account, having paid so much."""
        before = self.closed.get(stage, Paid())
        total = Paid(spent=before.spent + paid.spent, maybe=before.maybe + paid.maybe)
        left = {name: account for name, account in self.open.items() if name != desk}
        return Books(closed={**self.closed, stage: total}, open=left)


class Position(NamedTuple):
    """How one scope stands; micro-dollars. `reserved` is granted and not spent yet."""

    scope: str
    limit: int
    spent: int
    maybe: int
    reserved: int

    @property
    def left(self) -> int:
        """What can still be granted."""
        return max(0, self.limit - self.spent - self.maybe - self.reserved)


def position(books: Books, scope: str, limit: int) -> Position:
    """How a scope stands by the books."""
    paid = [one for stage, one in books.closed.items() if scope in (RUN, stage)]
    accounts = [one for one in books.open.values() if scope in (RUN, one.stage)]
    paid += [one.paid for one in accounts]
    return Position(
        scope=scope,
        limit=limit,
        spent=sum(one.spent for one in paid),
        maybe=sum(one.maybe for one in paid),
        reserved=sum(max(0, one.granted - one.paid.spent - one.paid.maybe) for one in accounts),
    )


def positions(books: Books, limits: Mapping[str, int]) -> list[Position]:
    """How every scope of a budget stands."""
    return [position(books, scope, limit) for scope, limit in limits.items()]


def narrowest(books: Books, limits: Mapping[str, int], stage: str) -> Position | None:
    """The scope that leaves a stage the least; None if nothing bounds it."""
    return min(positions(books, {k: v for k, v in limits.items() if k in (RUN, stage)}), key=_left, default=None)


def grant(left: int, bound: int) -> int:
    """How much to grant an account whose next request can cost `bound`; 0 if that is not left."""
    return 0 if bound > left else max(bound, min(_GRANT_REQUESTS * bound, left // _GRANT_SHARE))


def _left(position: Position) -> int:
    return position.left


def micro(usd: Decimal | float) -> int:
    """Dollars as micro-dollars."""
    return int(Decimal(str(usd)) * 1_000_000)
