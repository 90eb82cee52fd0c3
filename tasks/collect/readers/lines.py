"""JSON Lines: one object a line; blank lines are no rows but count as lines. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tasks.collect.readers.record import LONGEST, Record


def records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Every line that is not blank."""
    for number, line in enumerate(lines, start=1):
        raw = line.strip()
        if not raw:
            continue
        try:
            yield Record(number=number, raw=raw, fields=_object(raw))
        except ValueError as fault:
            yield Record(number=number, raw=raw, fault=str(fault))


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > LONGEST:
        raise ValueError(f"the line has {len(raw)} bytes; the limit is {LONGEST}")
    try:
        found = json.loads(raw, parse_constant=_no_number)
    except RecursionError as fault:
        raise ValueError("not JSON: nested too deeply") from fault
    except ValueError as fault:
        raise ValueError(f"not JSON: {fault}") from fault
    if not isinstance(found, dict):
        raise ValueError(f"a JSON {type(found).__name__}, not an object")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
