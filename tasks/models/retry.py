"""The one retry table: what each error of a wire attempt means. Pure.

Neither the HTTP client, litellm, Prefect nor Ray retries a request; `tasks.models.asker` does, by this table, and
logs every attempt. The length cut, the refusal and the content filter are replies, not errors.

    class         seen as                                            then
    rate_limited  429                                                retry after Retry-After, else back off
    overloaded    503, 529                                           retry after Retry-After, else back off
    server        other 5xx, 409, 425                                retry, back off
    unreachable   no connection comes about: nothing was sent        retry, back off
    cut           connection reset or closed half-way;               retry, back off
                  a stream without [DONE], or with an error in it
    timeout       408; no end within the endpoint's time limit       retry, back off
    stalled       a stream without a token for the endpoint's bound  retry, back off
    garbled       200 without a readable completion or usage         retry, back off
    wrong_model   200 by another model than was asked                set the row aside; the endpoint goes on
    unserved      a batch that ended without serving this            retry, online
    unsent        the desk closed, or lost its lease, before this    retry, which a closed desk refuses
                  was sent
    rejected      400, 413, 422: this request is wrong               set the row aside; the endpoint goes on
    poison        424: this request kills our own engine             set the row aside; the endpoint goes on
    unpaid        402; 429 or 400 because the account is empty       give the endpoint up at once
    closed        410: our own engine died too often                 give the endpoint up; the run pauses
    refused       other 4xx: key, address or model is wrong          give the endpoint up at once

Too many requests and overload are said of the endpoint, not of the request: `rests` says that all who ask it wait.
An endpoint that rejects its first `Patience.rejections` requests and answers none is given up as well: then it is not
the rows that are wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum


class Then(StrEnum):
    """What is done after an error."""

    RETRY = "retry"
    SET_ASIDE = "set_aside"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a class of errors means. `maybe_paid`: the provider may have charged without a readable bill."""

    then: Then
    rests: bool = False
    maybe_paid: bool = False


RULES = {
    "rate_limited": Rule(then=Then.RETRY, rests=True),
    "overloaded": Rule(then=Then.RETRY, rests=True),
    "server": Rule(then=Then.RETRY),
    "unreachable": Rule(then=Then.RETRY),
    "cut": Rule(then=Then.RETRY, maybe_paid=True),
    "timeout": Rule(then=Then.RETRY, maybe_paid=True),
    "stalled": Rule(then=Then.RETRY, maybe_paid=True),
    "garbled": Rule(then=Then.RETRY, maybe_paid=True),
    "wrong_model": Rule(then=Then.SET_ASIDE, maybe_paid=True),
    "unserved": Rule(then=Then.RETRY),
    "unsent": Rule(then=Then.RETRY),
    "rejected": Rule(then=Then.SET_ASIDE),
    "poison": Rule(then=Then.SET_ASIDE),
    "unpaid": Rule(then=Then.GIVE_UP),
    "closed": Rule(then=Then.GIVE_UP),
    "refused": Rule(then=Then.GIVE_UP),
}
RETRIED = frozenset(name for name, rule in RULES.items() if rule.then is Then.RETRY)
RESTS = frozenset(name for name, rule in RULES.items() if rule.rests)
GIVEN_UP = frozenset(name for name, rule in RULES.items() if rule.then is Then.GIVE_UP)
SET_ASIDE = frozenset(name for name, rule in RULES.items() if rule.then is Then.SET_ASIDE)

_EMPTY_ACCOUNT = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long: waits double from `first` to `longest` seconds."""

    attempts: int = 8
    rejections: int = 8
    first: float = 0.25
    longest: float = 30.0


def error_class(http_status: int, body: str = "") -> str:
    """The class of an HTTP status that is not 200, with what the server said beside it."""
    if http_status == 402 or (http_status in (400, 429) and any(code in body for code in _EMPTY_ACCOUNT)):
        return "unpaid"
    if http_status == 410 and '"engine_closed"' in body:
        return "closed"
    classes = {
        429: "rate_limited",
        503: "overloaded",
        529: "overloaded",
        408: "timeout",
        409: "server",
        425: "server",
        424: "poison",
    }
    classes |= dict.fromkeys((400, 413, 422), "rejected")
    return classes.get(http_status) or ("server" if http_status >= 500 else "refused")


def wait_seconds(patience: Patience, attempt: int, retry_after: str | None, now: datetime | None = None) -> float:
    """How long to wait after failed attempt number `attempt` (from 0); the server's word wins, up to a bound.

    The word is a number of seconds or an HTTP date. A date that has passed says only that clocks differ.
    """
    backoff = min(patience.first * 2.0**attempt, patience.longest)
    asked = _seconds(retry_after, now or datetime.now(UTC)) if retry_after else None
    return backoff if asked is None else min(max(asked, 0.0), 10 * patience.longest)


def _seconds(retry_after: str, now: datetime) -> float | None:
    try:
        said = float(retry_after)
    except ValueError:
        return _until(retry_after, now)
    return None if math.isnan(said) else said


def _until(date: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(date)
        seconds = (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return seconds if seconds > 0 else None
