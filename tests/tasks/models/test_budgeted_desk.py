"""Budgets while money is spent: many desks, real storage, and a server that counts what it sold."""

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial

import pytest
from aiohttp import web

from tasks.errors import BudgetReached
from tasks.ledger.books import BooksOfRun
from tasks.ledger.budget import RUN, Account, Books, Paid, position
from tasks.ledger.card_time import CardTime
from tasks.ledger.gpu import LeaseBook
from tasks.ledger.gpu_lease import Lease
from tasks.ledger.purse import Bill, Purse
from tasks.models import prices
from tasks.models.request import request
from tasks.models.wire import body
from tasks.rows.storage import Storage
from tests.tasks.models.openai_server import MODEL, PRICE, Server, ask_of, completion, cut, desk, logged, prompt, say

COST = 50 * 10 + 10 * 2.5
BOUND = prices.bound(PRICE, len(body(request(prompt("00000"), MODEL, 0), streamed=False)), 100)
CHEAP = completion(usage={"prompt_tokens": 10, "completion_tokens": 50})


async def sell(asked: web.Request) -> web.StreamResponse:
    await asyncio.sleep(0.01)
    return web.json_response(CHEAP)


def purse(storage: Storage, limits: dict[str, int], name: str, stage: str = "rate", shard: str = "shard") -> Purse:
    return Purse(BooksOfRun(storage, "run"), limits, desk=f"{name:0>12}", stage=stage, shard=shard, patience=5)


async def ask_until_reached(storage: Storage, server: Server, limits: dict[str, int], name: str, rows: int) -> int:
    """How many replies one desk could buy before its budget was reached."""
    async with purse(storage, limits, name, shard=name) as money, desk(storage, server, purse=money) as made:
        ask = ask_of(made)
        ended = await asyncio.gather(*(ask(prompt(f"{name}{n:03d}")) for n in range(rows)), return_exceptions=True)
    assert all(not isinstance(one, BaseException) or isinstance(one, BudgetReached) for one in ended)
    return sum(not isinstance(one, BaseException) for one in ended)


async def test_four_desks_spend_a_budget_to_its_last_request_and_never_more(storage: Storage, server: Server) -> None:
    limit = int(150 * COST + BOUND)
    server.plan = [sell] * 1000
    bought = await asyncio.gather(
        *(ask_until_reached(storage, server, {RUN: limit}, name, 100) for name in ("10", "11", "12", "13"))
    )
    assert sum(bought) == len(server.journal)
    spent = len(server.journal) * COST
    assert limit - BOUND < spent <= limit
    books = BooksOfRun(storage, "run").read()
    assert books.open == {}
    assert position(books, RUN, limit) == (RUN, limit, spent, 0, 0)
    kinds = logged(storage)["kind"].value_counts().to_dict(as_series=False)
    assert dict(zip(kinds["kind"], kinds["count"], strict=True)) == dict.fromkeys(
        ("intent", "outcome"), len(server.journal)
    )  # nothing was even intended for a request that was refused


async def test_a_stage_budget_stops_its_stage_and_no_other(storage: Storage, server: Server) -> None:
    limits = {RUN: 100 * BOUND, "rate": 2 * BOUND}
    server.plan = [sell] * 100
    assert 2 <= await ask_until_reached(storage, server, limits, "10", 20) < 20
    assert await ask_until_reached(storage, server, limits, "12", 20) == 0
    assert BooksOfRun(storage, "run").read().open == {}
    async with purse(storage, limits, "11", "solve") as money, desk(storage, server, purse=money) as made:
        await asyncio.gather(*(ask_of(made)(prompt(f"solve {n}")) for n in range(20)))


async def test_what_is_settled_while_the_books_are_asked_is_not_overlooked(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    books, bill = BooksOfRun(storage, "run"), Bill(bound=BOUND)
    money = Purse(books, {RUN: 2 * BOUND}, desk=f"{10:0>12}", stage="rate", shard="shard", patience=5)
    await money.reserve(BOUND)
    await money.reserve(BOUND)
    money.settle(Bill(bound=BOUND, spent=1))
    change = books.change

    def settled_meanwhile(step: Callable[[Books], Books]) -> Books:
        monkeypatch.setattr(books, "change", change)
        found = change(step)
        money.settle(bill)
        return found

    monkeypatch.setattr(books, "change", settled_meanwhile)
    await money.reserve(2 * BOUND - 1)  # all that is left, once the bill is settled


async def test_what_may_have_been_paid_counts_until_the_contrary_is_known(storage: Storage, server: Server) -> None:
    server.plan = [cut, say(500), sell]
    limits = {RUN: 10 * BOUND}
    async with purse(storage, limits, "10") as money, desk(storage, server, purse=money) as made:
        await ask_of(made)(prompt("00000"))
    assert position(BooksOfRun(storage, "run").read(), RUN, limits[RUN]) == (RUN, 10 * BOUND, COST, BOUND, 0)


async def test_a_dead_desks_account_is_closed_by_whoever_takes_its_shard_over(
    storage: Storage, server: Server
) -> None:
    books = BooksOfRun(storage, "run")
    server.plan = [sell] * 10
    dead = purse(storage, {RUN: 10 * BOUND}, "dead")
    async with desk(storage, server, purse=dead) as made:  # its purse is never closed, as if it had been killed
        await asyncio.gather(*(ask_of(made)(prompt(f"0000{n}")) for n in range(3)))
    assert books.read().open.keys() == {"00000000dead"}
    assert await ask_until_reached(storage, server, {RUN: 10 * BOUND}, "10", 0) == 0
    assert books.read().open.keys() == {"00000000dead"}  # another shard's desk lets it alone
    async with purse(storage, {RUN: 10 * BOUND}, "11"):
        pass
    assert position(books.read(), RUN, 10 * BOUND) == (RUN, 10 * BOUND, 3 * COST, 0, 0)


async def test_what_was_bought_without_a_budget_is_in_the_audited_books(storage: Storage, server: Server) -> None:
    server.plan = [sell] * 10
    async with desk(storage, server) as made:
        await ask_of(made)(prompt("00000"))
    async with desk(storage, server, run="another run") as made:
        await ask_of(made)(prompt("00001"))
    books = BooksOfRun(storage, "run")
    books.change(lambda now: now.with_account("b" * 12, Account(stage="rate", shard="x", granted=77)))
    audited = books.audit()
    assert audited.closed == {"rate": Paid(spent=COST)}
    assert audited.open["b" * 12].granted == 77
    assert books.audit() == audited == BooksOfRun(storage, "run").read()


@pytest.mark.slow
async def test_two_who_change_the_books_at_once_on_s3_lose_nothing(s3_root: Callable[[], str]) -> None:
    await change_at_once(Storage(s3_root()))


async def test_two_who_change_the_books_at_once_lose_nothing(storage: Storage) -> None:
    await change_at_once(storage)


async def change_at_once(storage: Storage) -> None:
    def deposit(books: BooksOfRun, name: str) -> None:
        account = Account(stage="rate", shard=name, granted=1)
        for n in range(10):
            books.change(partial(Books.with_account, desk=f"{name}{n}", account=account))

    await asyncio.gather(*(asyncio.to_thread(deposit, BooksOfRun(storage, "run"), name) for name in "abcd"))
    assert len(BooksOfRun(storage, "run").read().open) == 40
    assert len(storage.list("ledger/budgets/run")) == 40


async def test_a_desk_that_waits_for_anothers_money_goes_on_when_it_is_given_back(
    storage: Storage, server: Server
) -> None:
    limits = {RUN: 2 * BOUND}
    server.plan = [sell] * 10
    holder = purse(storage, limits, "10", shard="other")
    async with holder:
        await holder.reserve(2 * BOUND)
        waiting = asyncio.create_task(ask_until_reached(storage, server, limits, "11", 1))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        holder.settle(Bill(bound=2 * BOUND, spent=5))
    assert await waiting == 1


async def test_card_hours_stop_a_desk_when_its_engines_have_taken_them(storage: Storage, server: Server) -> None:
    async def ask_with(limit_ms: int, text: str) -> None:
        card_time = CardTime(storage, "run", limit_ms)
        money = Purse(
            BooksOfRun(storage, "run"), {}, desk="c" * 12, stage="rate", shard="s", patience=5, card_time=card_time
        )
        async with money, desk(storage, server, purse=money) as made:
            await ask_of(made)(prompt(text))

    lease = Lease(
        lease="1" * 32, run="run", endpoint="local", model="m@1", card="H20", cards=8, usd_per_hour=Decimal(2),
        as_of=date(2026, 1, 1), price_source="test", restart=False, beat_ms=1000,
        started_ms=0, seen_ms=3_600_000, alive_ms=3_600_000, ended_ms=3_600_000,
    )  # fmt: skip
    LeaseBook(storage).write(lease)
    await ask_with(8 * 3_600_000 + 1, "one more")
    with pytest.raises(BudgetReached, match=r"8\.000 of 8\.000"):
        await ask_with(8 * 3_600_000, "and another")
    assert len(server.journal) == 1
    assert storage.list("ledger/budgets") == []  # no money is bounded, so no books are kept
