"""What the governor grants: by hand-worked cases, and by a simulated hour."""

import random

from tasks.models.governor import HEADROOM, MEMBER_SECONDS, SLICE_SECONDS, Grant, Limits, Report, State, fresh, govern

FREE = Limits(concurrency=8)
PACED = Limits(concurrency=64, requests_per_minute=600)


def say(state: State, limits: Limits, now: float, member: str = "a", **facts: object) -> tuple[State, Grant]:
    return govern(state, limits, Report(member=member, role="rater", **facts), now)


def test_concurrency_is_shared_by_all_who_wait_and_never_exceeded() -> None:
    state, first = say(fresh(FREE, 0), FREE, 1, waiting=20)
    assert first.allowance == 8
    state, second = say(state, FREE, 1, "b", waiting=20)
    assert second.allowance == 0  # the first holds all of it, and is not robbed of what it was granted
    state, first = say(state, FREE, 2, in_flight=8, waiting=12)
    assert first.allowance == 4
    state, second = say(state, FREE, 2, "b", waiting=20)
    assert second.allowance == 0  # eight are in flight still
    state, first = say(state, FREE, 3, in_flight=4, waiting=8)
    state, second = say(state, FREE, 3, "b", waiting=20)
    assert (first.allowance, second.allowance) == (4, 4)


def test_a_desk_that_leaves_or_falls_silent_frees_what_it_held() -> None:
    state, _ = say(fresh(FREE, 0), FREE, 1, waiting=20)
    left, _ = say(state, FREE, 2, leaves=True)
    assert say(left, FREE, 2, "b", waiting=20)[1].allowance == 8
    assert say(state, FREE, 1 + MEMBER_SECONDS, "b", waiting=20)[1].allowance == 8


def test_moments_of_all_desks_together_keep_the_rate_in_every_window() -> None:
    rng = random.Random(3)
    state, sent = fresh(PACED, 0), []
    for tenth in range(600):
        now = tenth / 10 + rng.random() / 20
        state, grant = say(state, PACED, now, f"desk {rng.randrange(7)}", waiting=40, costs=(100,) * 40)
        sent += [now + moment for moment in grant.moments]
    sent.sort()
    most = max(sum(start <= one < start + 10 for one in sent) for start in sent)
    assert most <= 100
    assert len(sent) >= 0.95 * HEADROOM * 600
    assert sent[0] >= SLICE_SECONDS


def test_an_idle_endpoint_saves_nothing_up() -> None:
    state, _ = say(fresh(PACED, 0), PACED, 1, waiting=1, costs=(1,))
    _, grant = say(state, PACED, 1000, waiting=100, costs=(1,) * 100)
    assert 9 <= len(grant.moments) <= 10
    assert grant.moments[-1] > 0.8


def test_token_rates_space_requests_by_what_they_cost_and_unused_tokens_come_back() -> None:
    limits = Limits(concurrency=64, tokens_per_minute=60_000 / HEADROOM)
    state, grant = say(fresh(limits, 0), limits, 1, waiting=9, costs=(500,) * 9)
    assert [round(moment, 6) for moment in grant.moments] == [0, 0.5, 1]
    state, grant = say(state, limits, 2, waiting=6, costs=(500,) * 6)
    assert [round(moment, 6) for moment in grant.moments] == [0.5, 1]
    _, grant = say(state, limits, 3, waiting=6, costs=(500,) * 6, spare_tokens=400)
    assert [round(moment, 6) for moment in grant.moments] == [0.1, 0.6]


def test_a_request_that_costs_more_than_a_minute_waits_its_turn_and_goes() -> None:
    limits = Limits(concurrency=64, tokens_per_minute=1000)
    state, grant = say(fresh(limits, 0), limits, 1, waiting=2, costs=(5000, 5000))
    assert grant.moments == (0.0,)
    now, waited = 1.0, 0
    while not (grant := say(state, limits, now, waiting=1, costs=(5000,))[1]).moments:
        now, waited = now + grant.again_seconds, waited + 1
    assert 300 <= now <= 320
    assert waited < 200


def test_too_much_halves_concurrency_once_a_slice_and_replies_raise_it_by_one_a_round() -> None:
    state, grant = say(fresh(FREE, 0), FREE, 1, waiting=20, throttled=True)
    assert grant.allowance == 4
    state, grant = say(state, FREE, 1.5, waiting=20, throttled=True)
    assert grant.allowance == 4
    state, grant = say(state, FREE, 2.5, waiting=20, throttled=True)
    assert grant.allowance == 2
    state, grant = say(state, FREE, 3, waiting=20, replies=2, seconds=1.0)
    assert grant.allowance == 3
    for second in range(4, 20):
        state, grant = say(state, FREE, second, waiting=20, replies=8, seconds=1.0)
    assert grant.allowance == FREE.concurrency


def test_replies_that_take_far_longer_than_usual_lower_concurrency_to_a_floor() -> None:
    limits = Limits(concurrency=100)
    state = fresh(limits, 0)
    for second in range(1, 10):
        state, grant = say(state, limits, second, in_flight=100, replies=100, seconds=1.0)
    assert grant.allowance == 100
    for second in range(10, 16):
        state, grant = say(state, limits, second, in_flight=100, replies=1, seconds=10.0)
    assert 25 <= grant.allowance < 80


def test_longer_replies_of_another_role_are_no_reason_to_slow_down() -> None:
    state = fresh(FREE, 0)
    for second in range(1, 30):
        state, _ = govern(state, FREE, Report(member="a", role="rater", replies=8, seconds=1), second)
        state, _ = govern(state, FREE, Report(member="b", role="solver", replies=1, seconds=90), second)
    assert state.concurrency == FREE.concurrency


def test_a_rest_that_one_desk_was_told_of_is_a_rest_for_all() -> None:
    state, _ = say(fresh(PACED, 0), PACED, 1, throttled=True, rest_seconds=30)
    state, grant = say(state, PACED, 2, "b", waiting=5, costs=(1,) * 5)
    assert grant.moments == ()
    assert grant.rest_seconds == 29
    _, grant = say(state, PACED, 31, "b", waiting=5, costs=(1,) * 5)
    assert len(grant.moments) == 5
