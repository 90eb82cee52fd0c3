"""One desk's money: reserved before a request goes out, settled when it has ended. For one event loop.

The desk's account is granted money for many requests at once, so most requests cost no trip to the storage. When
what is left of the budget is less than the next request can cost, the desk gives back what it does not need, waits
for its own requests in flight and for what other desks may give back, and only then is the budget reached.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tasks.errors import BudgetReached
from tasks.ledger.books import BooksOfRun
from tasks.ledger.budget import RUN, Account, Books, Paid, Position, grant, narrowest
from tasks.ledger.card_time import CardTime

WHOLE_RUN = "the run's budget"
"""How the words of an error begin that is about the whole run and not about one stage."""
_LOOK_SECONDS = 0.5


@dataclass(slots=True)
class Bill:
    """What one attempt can cost, and what it did: micro-dollars that were paid, and that may have been."""

    bound: int
    spent: int = 0
    maybe: int = 0


class Purse:
    """Reserves and settles micro-dollars for the desk of one shard of one stage. An async context manager."""

    def __init__(
        self, books: BooksOfRun, limits: Mapping[str, int], *, desk: str, stage: str, shard: str, patience: float,
        card_time: CardTime | None = None,
    ) -> None:  # fmt: skip
        """`patience`: seconds to wait for money that others hold, while nothing changes in the books."""
        self._books, self._limits, self._patience = books, limits, patience
        self._desk, self._stage, self._shard = desk, stage, shard
        self._card_time = card_time
        self._opened = False
        self._granted = self._spent = self._maybe = self._reserved = 0
        self._settled = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._shut: BaseException | None = None

    @property
    def desk(self) -> str:
        """The identity of the desk, which its attempts begin with."""
        return self._desk

    def shut(self, why: BaseException) -> None:
        """Reserve nothing more: who waits, and who comes, gets `why`."""
        self._shut = self._shut or why
        self._settled.set()

    async def __aenter__(self) -> Purse:
        await asyncio.to_thread(self._books.close_dead, self._stage, self._shard, self._desk)
        return self

    async def __aexit__(self, *_: object) -> None:
        paid = Paid(spent=self._spent, maybe=self._maybe)
        if self._opened:
            await asyncio.to_thread(self._books.change, lambda now: self._closed(now, paid))

    def _closed(self, now: Books, paid: Paid) -> Books:
        return now.without(self._desk, self._stage, paid) if self._desk in now.open else now

    async def reserve(self, bound: int) -> None:
        """Set the most that a request can cost aside. Raises `BudgetReached` if the budget does not have it."""
        if self._card_time:
            await self._card_time.check()
        if not self._limits and not self._shut:
            self._reserved += bound
            return
        if self._free >= bound and not self._one_at_a_time.locked() and not self._shut:
            self._reserved += bound
            return
        async with self._one_at_a_time:
            while self._shut or self._free < bound:
                if self._shut:
                    raise self._shut
                await self._extend(bound)
            self._reserved += bound

    def settle(self, bill: Bill) -> None:
        """Note what became of a reservation."""
        self._reserved -= bill.bound
        self._spent += bill.spent
        self._maybe += bill.maybe
        self._settled.set()

    @property
    def _free(self) -> int:
        return self._granted - self._spent - self._maybe - self._reserved

    async def _extend(self, bound: int) -> None:
        """Have more granted, or wait until more may be left; if nothing will be, the budget is reached."""
        self._settled.clear()
        paid, reserved = Paid(spent=self._spent, maybe=self._maybe), self._reserved
        books = await asyncio.to_thread(self._books.change, lambda now: self._asked_for(now, paid, reserved, bound))
        self._opened, self._granted = True, books.open[self._desk].granted
        if self._free >= bound:
            return
        if self._reserved or self._settled.is_set():  # what was settled meanwhile, the books do not know yet
            await self._settled.wait()
        elif not await self._others_give_back(books):
            short = narrowest(books, self._limits, self._stage)
            assert short is not None  # noqa: S101 - without a limit everything is granted
            self.shut(BudgetReached(reached(short, bound)))

    def _asked_for(self, now: Books, paid: Paid, reserved: int, bound: int) -> Books:
        """The books with this desk's account as it is, and as much more granted as it needs and is left."""
        kept = paid.spent + paid.maybe + reserved
        account = Account(stage=self._stage, shard=self._shard, granted=kept, paid=paid)
        books = now.with_account(self._desk, account)
        scope = narrowest(books, self._limits, self._stage)
        more = grant(scope.left if scope else sys.maxsize, bound)
        return books.with_account(self._desk, account.model_copy(update={"granted": kept + more}))

    async def _others_give_back(self, books: Books) -> bool:
        """Wait for a change in the books, if other desks have reserved anything; False if there is no use in it."""
        others = [one for name, one in books.open.items() if name != self._desk]
        if not any(one.granted > one.paid.spent + one.paid.maybe for one in others):
            return False
        until = time.monotonic() + self._patience
        while time.monotonic() < until and not self._shut:
            await asyncio.sleep(_LOOK_SECONDS)
            if await asyncio.to_thread(self._books.read) != books:
                return True
        return bool(self._shut)


def reached(short: Position, bound: int) -> str:
    """What to tell a person of a budget that is reached."""
    whose = WHOLE_RUN if short.scope == RUN else f"the budget of stage {short.scope}"
    return (
        f"{whose} of USD {_usd(short.limit)} is reached: USD {_usd(short.spent)} spent, {_usd(short.maybe)} possibly "
        f"paid, {_usd(short.reserved)} reserved, {_usd(short.left)} left, and the next request can cost {_usd(bound)}"
    )


def _usd(micro: int) -> str:
    return f"{micro / 1_000_000:,.6f}"
