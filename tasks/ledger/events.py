"""The two events of a wire attempt, as rows of the log. Pure.

Columns of a segment (one row an event; what does not apply is null):

    kind            "intent" or "outcome"
    attempt         identity of the attempt: 32 hex digits
    key             request key: 64 hex digits
    at_ms           Unix time in milliseconds
    run, stage, shard, problem_id, role      who asked, and for which row
    model           identity of the model: "<name>@<revision>"
    endpoint        the recipe's name of the endpoint
    sample          sample index
    request         intent: the canonical JSON that the key is the digest of
    bound_microusd  intent: the most this attempt can cost
    status          outcome: "reply" or "error"
    error           outcome: error class, see tasks.models.retry
    http_status     outcome: 0 if there was no HTTP answer
    body            outcome: the raw body as received
    finish_reason, served_model, system_fingerprint
    prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens
    price           outcome: version of the price table
    microusd        outcome: what it cost, integer micro-dollars
    took_ms         outcome: from sending to the last byte
    lease           fencing token of the lease it was written under; 0 if there was none
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA: dict[str, Any] = {
    "kind": pl.String,
    "attempt": pl.String,
    "key": pl.String,
    "at_ms": pl.Int64,
    "run": pl.String,
    "stage": pl.String,
    "shard": pl.String,
    "problem_id": pl.String,
    "role": pl.String,
    "model": pl.String,
    "endpoint": pl.String,
    "sample": pl.Int64,
    "request": pl.String,
    "bound_microusd": pl.Int64,
    "status": pl.String,
    "error": pl.String,
    "http_status": pl.Int64,
    "body": pl.String,
    "finish_reason": pl.String,
    "served_model": pl.String,
    "system_fingerprint": pl.String,
    "prompt_tokens": pl.Int64,
    "cached_tokens": pl.Int64,
    "completion_tokens": pl.Int64,
    "reasoning_tokens": pl.Int64,
    "price": pl.String,
    "microusd": pl.Int64,
    "took_ms": pl.Int64,
    "lease": pl.Int64,
}
_ABSENT: dict[str, Any] = {"lease": 0}
"""What a column holds for segments that were written without it; null for any that is not named here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, and for which row. Written beside every event; never part of a request key."""

    run: str
    stage: str
    shard: str
    problem_id: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of the log. The module's docstring says what each field holds."""

    kind: Literal["intent", "outcome"]
    attempt: str
    key: str
    at_ms: int
    asker: Asker
    model: str
    endpoint: str
    sample: int
    request: str | None = None
    bound_microusd: int | None = None
    status: Literal["reply", "error"] | None = None
    error: str | None = None
    http_status: int | None = None
    body: str | None = None
    finish_reason: str | None = None
    served_model: str | None = None
    system_fingerprint: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    price: str | None = None
    microusd: int | None = None
    took_ms: int | None = None
    lease: int = 0


_OF_ASKER = frozenset(f.name for f in fields(Asker))
_FIELDS = attrgetter(*(f"asker.{name}" if name in _OF_ASKER else name for name in SCHEMA))
_ARROW = pa.schema([(name, pa.string() if kind == pl.String else pa.int64()) for name, kind in SCHEMA.items()])


def segment(events: Sequence[Event]) -> bytes:
    """Events as the Parquet file of a segment. Raises if a value does not fit its column.

    Segments are many and small and soon compacted, so nothing is spent on statistics and dictionaries.
    """
    columns = zip(*map(_FIELDS, events), strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _ARROW, strict=True)]
    buffer = pa.BufferOutputStream()
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=_ARROW), buffer,
        compression="zstd", use_dictionary=False, write_statistics=False, store_schema=False,
    )  # fmt: skip
    return bytes(buffer.getvalue())


def stored(data: bytes, names: Sequence[str] = tuple(SCHEMA)) -> pl.DataFrame:
    """Columns `names` of the events in a file."""
    return pl.DataFrame(tabled(data, names))


def tabled(data: bytes, names: Sequence[str] = tuple(SCHEMA)) -> pa.Table:
    """The same as an Arrow table: of many small files, these put together make a frame sooner than their frames do.

    Read by one thread: a pool costs more than a small file does.
    """
    return _whole(pq.ParquetFile(pa.BufferReader(data)).read(list(names), use_threads=False), names)


def together(events: Iterable[pa.Table]) -> pl.DataFrame:
    """One frame of what `tabled` gave; strings may be of either of Arrow's types, by who wrote the file."""
    return pl.DataFrame(pa.concat_tables(list(events), promote_options="permissive"))


def framed(events: pa.Table, names: Sequence[str]) -> pl.DataFrame:
    """Stored events with exactly the columns `names`, those included that their file was written without."""
    return pl.DataFrame(_whole(events, names))


def _whole(events: pa.Table, names: Sequence[str]) -> pa.Table:
    for name in set(names).difference(events.column_names):
        absent = pa.repeat(pa.scalar(_ABSENT.get(name), _ARROW.field(name).type), len(events))
        events = events.append_column(name, absent)
    return events.select(list(names))
