"""The hunt for a request that kills the engine, played out against an engine that dies of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.engine_suspects import Suspects, after_answer, after_death

Ids = frozenset[str]


def play(known: Suspects, requests: Ids, poison: Ids, most: int = 200) -> tuple[Suspects, Ids, int]:
    """Send whatever may be sent until all is answered or condemned; gives who was answered, and the deaths."""
    answered: Ids = frozenset()
    deaths = 0
    for _ in range(most):
        sent = frozenset(one for one in requests - answered if known.admits(one))
        if not sent:
            break
        if sent & poison:
            known, deaths = after_death(known, sent), deaths + 1
        else:
            answered |= sent
            for one in sent:
                known = after_answer(known, one)
    return known, answered, deaths


@pytest.mark.parametrize("count", [1, 2, 3, 16, 33, 64])
def test_the_culprit_is_found_and_all_others_are_answered(count: int) -> None:
    requests = frozenset(f"r{i:02d}" for i in range(count))
    for poison in sorted(requests):
        known, answered, deaths = play(Suspects(), requests, frozenset({poison}))
        assert known.condemned == {poison}
        assert answered == requests - {poison}
        assert deaths <= math.ceil(math.log2(count)) + 3
        assert not known.hunting


@given(st.sets(st.integers(0, 30), min_size=1), st.data())
def test_several_culprits_are_found_one_after_another(numbers: set[int], data: st.DataObject) -> None:
    requests = frozenset(f"r{i:02d}" for i in numbers)
    poison = data.draw(st.frozensets(st.sampled_from(sorted(requests)), max_size=3))
    known, answered, _ = play(Suspects(), requests, poison)
    assert known.condemned == poison
    assert answered == requests - poison


def test_one_death_accuses_nobody() -> None:
    known = after_death(Suspects(), frozenset({"a", "b"}))
    assert known.admits("a") and known.admits("b") and not known.hunting


def test_deaths_over_different_requests_accuse_nobody() -> None:
    known = after_death(after_death(Suspects(), frozenset({"a", "b"})), frozenset({"c"}))
    assert not known.hunting and not known.condemned


def test_who_was_answered_between_two_deaths_is_not_accused() -> None:
    known = after_answer(after_death(Suspects(), frozenset({"a", "b"})), "a")
    known = after_death(known, frozenset({"a", "c"}))
    assert not known.hunting


def test_a_death_with_others_in_flight_condemns_nobody() -> None:
    known = after_death(after_death(Suspects(), frozenset({"a"})), frozenset({"a", "b"}))
    assert known.trying == {"a"} and not known.condemned
    assert not known.admits("b")


def test_a_suspect_nobody_waits_for_does_not_hold_up_the_hunt() -> None:
    both = frozenset({"a", "b"})
    known = after_death(after_death(Suspects(), both), both)
    assert known.trying == {"a"}
    known = after_answer(known, "a")  # its client has gone
    assert known.trying == {"b"}
    assert not after_answer(known, "b").hunting


def test_a_death_while_starting_ends_the_hunt() -> None:
    both = frozenset({"a", "b"})
    known = after_death(after_death(Suspects(), both), both)
    assert not after_death(known, frozenset()).hunting
