"""What every reader gives: a place, what stands there, and the bytes that the row's identity is taken of. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST = 2**20
"""Bytes of one record; a longer one is no problem of mathematics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A row of a file. `number` counts lines or rows from 1; `fault` says why it cannot be read, and then `fields`
    is empty.
    """

    number: int
    raw: bytes
    fields: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None


def of_fields(number: int, fields: Mapping[str, Any]) -> Record:
    """A record whose identity is what its fields say, whatever file format held them."""
    raw = json.dumps(fields, sort_keys=True, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
    if len(raw) > LONGEST:
        return Record(number=number, raw=raw, fault=f"the row has {len(raw)} bytes; the limit is {LONGEST}")
    return Record(number=number, raw=raw, fields=fields)
