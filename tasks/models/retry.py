"""The one retry table: what each error of a wire attempt means. Pure.

Neither the HTTP client, Prefect nor Ray retries a request; `tasks.models.asker` does, by this table, and logs
every attempt. The length cut, the refusal and the content filter are replies, not errors.

    class         seen as                                         then
    rate_limited  429                                             wait Retry-After, else back off
    overloaded    503, 529                                        wait Retry-After, else back off
    server        other 5xx                                       back off
    cut           connection refused, reset or closed half-way    back off
    timeout       no answer within the endpoint's time limit      back off
    garbled       200 without a readable completion or usage      back off
    rejected      400, 413, 422: this request is wrong            set its row aside; the endpoint goes on
    refused       other 4xx: key, address or model is wrong       give the endpoint up at once

An endpoint that rejects its first `Patience.rejections` requests and answers none is given up as well: then it is not
the rows that are wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

RETRIED = frozenset({"rate_limited", "overloaded", "server", "cut", "timeout", "garbled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long: waits double from `first` to `longest` seconds."""

    attempts: int = 8
    rejections: int = 8
    first: float = 0.25
    longest: float = 30.0


def error_class(http_status: int) -> str:
    """The class of an HTTP status that is not 200."""
    if http_status == 429:
        return "rate_limited"
    if http_status in (503, 529):
        return "overloaded"
    if http_status in (400, 413, 422):
        return "rejected"
    return "server" if http_status >= 500 else "refused"


def wait_seconds(patience: Patience, attempt: int, retry_after: str | None) -> float:
    """How long to wait after failed attempt number `attempt` (from 0); the server's word wins, up to a bound."""
    backoff = min(patience.first * 2.0**attempt, patience.longest)
    try:
        asked = float(retry_after) if retry_after else backoff
    except ValueError:
        return backoff
    return backoff if math.isnan(asked) else min(max(asked, 0.0), 10 * patience.longest)
