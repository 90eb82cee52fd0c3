"""The books of a run on its storage root, and what the attempt log says of them.

The books lie in `ledger/budgets/<run>/`, a register. They are a way to agree quickly; the log is what counts. When a
run starts, closed accounts are added up from the log anew, so that what was bought without a budget, or by a desk
that died before it closed its account, is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import polars as pl

from tasks.ledger import spend
from tasks.ledger.budget import Books, Paid
from tasks.ledger.fold import fold
from tasks.ledger.register import Register
from tasks.rows.storage import Storage
from tasks.rows.tables import apart

DESK_DIGITS = 12
"""An attempt's identity begins with that of the desk that made it."""
_TRIES = 5


class BooksOfRun:
    """Reads and changes the books of one run. Not thread-safe."""

    def __init__(self, storage: Storage, run: str) -> None:
        self._storage, self._run = storage, run
        self._register = Register(storage, f"ledger/budgets/{run}")

    def read(self) -> Books:
        """The books now."""
        return _books(self._register.read()[1])

    def change(self, changed: Callable[[Books], Books]) -> Books:
        """Change the books; `changed` may be called again with newer ones."""
        return _books(self._register.change(lambda value: _bytes(changed(_books(value)))))

    def audit(self) -> Books:
        """Add closed accounts up from the log; open ones stay as they are, for they may be in use."""
        for _ in range(_TRIES):
            before = self.read()
            audited = Books(closed=_by_stage(self._attempts(), without=before.open), open=before.open)
            if self.change(partial(_instead_of, before, audited)) == audited:
                return audited
        return self.read()  # others are at work, and keep the books themselves

    def close_dead(self, stage: str, shard: str, desk: str) -> None:
        """Close the accounts that earlier desks left open for a shard which only `desk` works on now."""
        dead = [k for k, one in self.read().open.items() if (one.stage, one.shard) == (stage, shard) and k != desk]
        if not dead:
            return
        attempts = self._attempts()
        for name in dead:
            self.change(partial(_without, name, stage, _sum(attempts.filter(pl.col("desk") == name))))

    def _attempts(self) -> pl.DataFrame:
        """What each desk of the run paid: columns desk, stage, spent, maybe (several rows add up)."""
        return pl.concat(fold(self._storage, _paid, run=self._run))


def _paid(log: pl.DataFrame) -> pl.DataFrame:
    spent = log.filter(pl.col("microusd") > 0).select(
        "attempt", "stage", spent=pl.col("microusd"), maybe=pl.lit(0, pl.Int64)
    )
    maybe = spend.possibly_paid(log).select(
        "attempt", "stage", spent=pl.lit(0, pl.Int64), maybe=pl.col("bound_microusd").fill_null(0)
    )
    paid = pl.concat([spent, maybe]).with_columns(desk=pl.col("attempt").str.head(DESK_DIGITS))
    return apart(paid.group_by("desk", "stage").agg(pl.col("spent", "maybe").sum()))


def _instead_of(before: Books, audited: Books, now: Books) -> Books:
    return audited if now == before else now


def _without(desk: str, stage: str, paid: Paid, now: Books) -> Books:
    return now.without(desk, stage, paid) if desk in now.open else now


def _by_stage(attempts: pl.DataFrame, without: Collection[str]) -> dict[str, Paid]:
    closed = attempts.filter(~pl.col("desk").is_in(list(without)))
    return {str(stage): _sum(some) for (stage,), some in sorted(closed.group_by("stage"))}


def _sum(attempts: pl.DataFrame) -> Paid:
    return Paid(spent=int(attempts["spent"].sum()), maybe=int(attempts["maybe"].sum()))


def _books(value: bytes) -> Books:
    return Books.model_validate_json(value) if value else Books()


def _bytes(books: Books) -> bytes:
    return books.model_dump_json().encode("utf-8")
