"""Who may send how much to an endpoint, and when: one decision for all workers and runs that ask it. Pure.

Every desk reports what it has in flight, what waits and how the last requests went, and is granted a slice: how
many may be in flight, and at what moments of the next second it may send. A slice is never taken back, so a
governor that is lost is lost with what it knew: `fresh` grants nothing for the length of a slice, and by then
every slice of its predecessor is used up.

- Rates are kept by spacing (the generic cell rate algorithm): each request is given a moment of its own, and
  the next one comes later by its share of the minute. So there is no burst, not even after a pause.
- Concurrency starts at the recipe's bound, is halved when the endpoint says that it is too much, shrinks by a
  tenth when replies take twice as long as usual, and grows by one for as many replies as are in flight.
- Nothing is rejected. What has no slice yet waits and asks again.
"""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

SLICE_SECONDS = 1.0
"""How far ahead moments are handed out, and how often a busy desk reports."""
MEMBER_SECONDS = 10.0
"""A desk that has not reported for so long is gone, and what it held is free."""
HEADROOM = 0.96
"""Share of a rate that is handed out; the rest is for what networks and busy machines bunch together."""
_AGAIN_SECONDS = 0.25
_SLOW = 2.0
_SLOWEST_SHARE = 0.25
"""Slow replies alone never bring concurrency below this share of the recipe's bound."""

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Limits(BaseModel):
    """What a recipe allows at one endpoint."""

    model_config = _FROZEN

    concurrency: int = Field(ge=1, description="Requests in flight, of all workers together")
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)


class Report(BaseModel):
    """What one desk says of itself, and of what happened since its last report."""

    model_config = _FROZEN

    member: str
    role: str = Field(description="Replies of one role take alike long; latency is compared within a role")
    in_flight: int = 0
    waiting: int = 0
    costs: tuple[int, ...] = Field(default=(), description="Tokens of those that wait, first come first")
    replies: int = 0
    seconds: float = Field(default=0.0, description="Mean time that these replies took")
    throttled: bool = Field(default=False, description="The endpoint said that it is too much")
    rest_seconds: float = Field(default=0.0, description="How long the endpoint asked to be left alone")
    spare_tokens: int = Field(default=0, description="Tokens reserved by earlier slices and not used")
    leaves: bool = False


class Grant(BaseModel):
    """A slice. `moments` are seconds from now, one for each of the first costs that were reported."""

    model_config = _FROZEN

    allowance: int = Field(description="How many of this desk's requests may be in flight")
    moments: tuple[float, ...] = ()
    rest_seconds: float = 0.0
    again_seconds: float = Field(description="When to report again, if anything waits")


class Member(BaseModel):
    """A desk as it was when it last reported; `held` is what it may have in flight."""

    model_config = _FROZEN

    seen: float
    held: int
    waiting: int
    starved: int = Field(description="How many of those that wait have no place, should the rates have one for them")


class Pace(BaseModel):
    """How long replies of one role take: lately, and as a rule. Seconds."""

    model_config = _FROZEN

    recent: float
    usual: float


class State(BaseModel):
    """What is known of one endpoint. Times are seconds of the governor's monotonic clock."""

    model_config = _FROZEN

    concurrency: float
    requests_at: float = Field(description="The first moment that is not handed out yet")
    tokens_at: float = Field(description="The same, by tokens")
    rest_until: float = 0.0
    steady_until: float = Field(default=0.0, description="Concurrency is not lowered again before this")
    paces: dict[str, Pace] = {}
    members: dict[str, Member] = {}


def tokens(request_bytes: int, max_tokens: int) -> int:
    """What a request counts for against a token rate until its usage is known, about as providers count it."""
    return request_bytes // 3 + max_tokens


def fresh(limits: Limits, now: float) -> State:
    """An endpoint nobody knows anything of: slices that a lost governor granted are let run out first."""
    begin = now + SLICE_SECONDS
    return State(concurrency=limits.concurrency, requests_at=begin, tokens_at=begin)


def govern(state: State, limits: Limits, report: Report, now: float) -> tuple[State, Grant]:
    """Take a report in and grant a slice."""
    state = _learn(_of_now(state, limits, now), limits, report, now)
    others = {name: one for name, one in state.members.items() if name != report.member}
    if report.leaves:
        return state.model_copy(update={"members": others}), Grant(allowance=0, again_seconds=SLICE_SECONDS)
    allowance = _allowance(int(state.concurrency), list(others.values()), report)
    rest = max(0.0, state.rest_until - now)
    moments: list[float] = []
    if not rest:
        state, moments = _moments(state, limits, report, _share(limits, others), allowance, now)
    held = max(allowance, report.in_flight)
    starved = max(0, report.waiting - (held - report.in_flight))
    member = Member(seen=now, held=held, waiting=report.waiting, starved=starved)
    state = state.model_copy(update={"members": {**others, report.member: member}})
    again = rest or max(_AGAIN_SECONDS, max(state.requests_at, state.tokens_at) - now - SLICE_SECONDS / 2)
    return state, Grant(
        allowance=allowance, moments=tuple(moments), rest_seconds=rest, again_seconds=min(again, MEMBER_SECONDS / 2)
    )


def _of_now(state: State, limits: Limits, now: float) -> State:
    """The state by today's limits, without members that are gone."""
    return state.model_copy(
        update={
            "concurrency": min(max(1.0, state.concurrency), float(limits.concurrency)),
            "members": {name: one for name, one in state.members.items() if one.seen > now - MEMBER_SECONDS},
        }
    )


def _learn(state: State, limits: Limits, report: Report, now: float) -> State:
    """Concurrency, rest and pace after what the report says."""
    changed: dict[str, object] = {}
    concurrency, paces = state.concurrency, state.paces
    slow = False
    if report.replies:
        before = paces.get(report.role, Pace(recent=report.seconds, usual=report.seconds))
        pace = Pace(
            recent=before.recent + 0.3 * (report.seconds - before.recent),
            usual=before.usual + 0.05 * (report.seconds - before.usual),
        )
        slow = pace.recent > _SLOW * pace.usual
        changed["paces"] = {**paces, report.role: pace}
        concurrency = min(limits.concurrency, concurrency + report.replies / concurrency)
    if (report.throttled or slow) and now >= state.steady_until:
        floor = max(1.0, _SLOWEST_SHARE * limits.concurrency)
        lowered = max(1.0, state.concurrency / 2) if report.throttled else max(floor, 0.9 * state.concurrency)
        concurrency = min(state.concurrency, lowered)
        changed["steady_until"] = now + SLICE_SECONDS
    if report.rest_seconds > 0:
        changed["rest_until"] = max(state.rest_until, now + report.rest_seconds)
    if report.spare_tokens and limits.tokens_per_minute:
        spare = 60.0 * report.spare_tokens / (HEADROOM * limits.tokens_per_minute)
        changed["tokens_at"] = max(now, state.tokens_at - spare)
    return state.model_copy(update={"concurrency": concurrency, **changed})


def _allowance(concurrency: int, others: list[Member], report: Report) -> int:
    """In flight for this desk: what is free, but where others wait no more than an equal share."""
    free = max(0, concurrency - sum(one.held for one in others))
    if not others:
        return free
    wish = report.in_flight + report.waiting
    competing = sum(1 for one in others if one.starved) + 1
    share = max(1, math.ceil(concurrency / competing)) if competing > 1 else concurrency
    return min(free, wish, share)


def _share(limits: Limits, others: dict[str, Member]) -> int:
    """How many moments of a slice one desk gets."""
    per_slice = SLICE_SECONDS * (limits.requests_per_minute or math.inf) / 60.0
    competing = sum(1 for one in others.values() if one.waiting) + 1
    return 1_000_000 if math.isinf(per_slice) else max(1, math.ceil(per_slice / competing))


def _moments(
    state: State, limits: Limits, report: Report, share: int, allowance: int, now: float
) -> tuple[State, list[float]]:
    """Moments within the slice, as many as the rates and the allowance have."""
    per_request = 60.0 / (HEADROOM * limits.requests_per_minute) if limits.requests_per_minute else 0.0
    per_token = 60.0 / (HEADROOM * limits.tokens_per_minute) if limits.tokens_per_minute else 0.0
    requests_at, tokens_at = max(state.requests_at, now), max(state.tokens_at, now)
    moments: list[float] = []
    for cost in report.costs[: max(0, min(share, allowance - report.in_flight))]:
        moment = max(requests_at, tokens_at)
        if moment > now + SLICE_SECONDS:
            break
        moments.append(moment - now)
        requests_at, tokens_at = moment + per_request, moment + cost * per_token
    return state.model_copy(update={"requests_at": requests_at, "tokens_at": tokens_at}), moments
