"""The files of OpenAI's batch API: requests as JSON Lines, split at its limits, and results read back. Pure.

A request's custom id is its request key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from tasks.models import retry
from tasks.models.answer import Answer

MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000

ENDPOINT = "/v1/chat/completions"


def line(key: str, body: bytes) -> bytes:
    """A request as a line of the input file; `body` is the JSON that would be sent online."""
    head = json.dumps({"custom_id": key, "method": "POST", "url": ENDPOINT}).encode()
    return head[:-1] + b', "body": ' + body + b"}\n"


def parts(lines: Sequence[bytes], requests: int = MOST_REQUESTS, size: int = MOST_BYTES) -> Iterator[slice]:
    """Runs of lines that fit into one file each, in order. A line that is too long by itself is a file by itself."""
    start, held = 0, 0
    for i, one in enumerate(lines):
        if i > start and (i - start == requests or held + len(one) > size):
            yield slice(start, i)
            start, held = i, 0
        held += len(one)
    if start < len(lines):
        yield slice(start, len(lines))


def answers(*files: str) -> Mapping[str, Answer]:
    """How each request of a batch ended, by its key, from its output and its error file.

    What expired was not served and not charged: class `unserved`. Lines that nobody can read are left out.
    """
    found: dict[str, Answer] = {}
    for one in (line for file in files for line in file.split("\n") if line.strip()):
        try:
            result = dict(json.loads(one))
            found[str(result["custom_id"])] = _answer(result)
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return found


def _answer(result: Mapping[str, object]) -> Answer:
    response = result.get("response")
    if not isinstance(response, Mapping) or not isinstance(response.get("status_code"), int):
        return Answer(http_status=0, body=json.dumps(result.get("error")), error="unserved")
    status, body = int(response["status_code"]), json.dumps(response.get("body"))
    return Answer(http_status=status, body=body, error=None if status == 200 else retry.error_class(status, body))
