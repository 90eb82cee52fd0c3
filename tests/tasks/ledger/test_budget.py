"""What is left of a budget, and who may have it: by hand-worked cases."""

from decimal import Decimal

from tasks.ledger.budget import RUN, Account, Books, Budget, Paid, StageBudget, grant, narrowest, position

BOOKS = Books(
    closed={"rate": Paid(spent=100, maybe=10), "solve": Paid(spent=400)},
    open={
        "a": Account(stage="rate", shard="0", granted=50, paid=Paid(spent=20)),
        "b": Account(stage="solve", shard="1", granted=200, paid=Paid(spent=90, maybe=10)),
    },
)


def test_limits_are_in_micro_dollars_by_scope() -> None:
    budget = Budget(usd=Decimal("50"), stages={"solve": StageBudget(usd=Decimal("0.5"))})
    assert budget.limits() == {RUN: 50_000_000, "solve": 500_000}
    assert Budget().limits() == {}


def test_money_is_spent_or_possibly_paid_or_reserved_or_left() -> None:
    assert position(BOOKS, RUN, 1000) == (RUN, 1000, 610, 20, 130)
    assert position(BOOKS, RUN, 1000).left == 240
    assert position(BOOKS, "solve", 650) == ("solve", 650, 490, 10, 100)
    assert position(BOOKS, "solve", 600).left == 0


def test_the_narrowest_scope_decides_and_other_stages_do_not() -> None:
    limits = {RUN: 1000, "solve": 650, "rate": 10}
    assert (found := narrowest(BOOKS, limits, "solve")) is not None
    assert (found.scope, found.left) == ("solve", 50)
    assert (found := narrowest(BOOKS, limits, "classify")) is not None
    assert (found.scope, found.left) == (RUN, 240)
    assert narrowest(BOOKS, {"rate": 10}, "classify") is None


def test_a_closed_account_keeps_what_it_paid_and_frees_the_rest() -> None:
    closed = BOOKS.without("b", "solve", Paid(spent=95, maybe=0))
    assert position(closed, RUN, 1000) == (RUN, 1000, 615, 10, 30)


def test_grants_shrink_with_what_is_left_and_the_last_money_can_be_had() -> None:
    assert grant(1_000_000, 100) == 6400
    assert grant(8_000, 100) == 1000
    assert grant(799, 100) == 100
    assert grant(100, 100) == 100
    assert grant(99, 100) == 0
