"""Batches in flight, on record, so that one that was submitted is found again and never submitted twice.

Under `ledger/batches/<name>/` lie up to three objects, each written once: `plan.json` before anything else is done,
`submitted.json` with the provider's id as soon as it is known, and `ended.json` when every outcome is durable. A
crash in between leaves the batch open; the provider knows it by its name.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict

from pydantic import BaseModel, ConfigDict

from tasks.errors import AlreadyExists
from tasks.rows.storage import Storage

BATCHES = "ledger/batches"
_PLAN, _SUBMITTED, _ENDED = "plan.json", "submitted.json", "ended.json"


class Asked(BaseModel):
    """One request of a batch: what its events in the log need."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    attempt: str
    sample: int
    problem_id: str


class Batch(BaseModel):
    """A batch as it was planned. `name` is in the provider's metadata, too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    endpoint: str
    model: str
    run: str
    stage: str
    shard: str
    role: str
    requests: tuple[Asked, ...]


def planned(storage: Storage, batch: Batch) -> None:
    """Put a batch on record before it is sent."""
    storage.create(f"{BATCHES}/{batch.name}/{_PLAN}", batch.model_dump_json().encode())


def submitted(storage: Storage, name: str, batch_id: str) -> None:
    """Note the provider's id."""
    _once(storage, f"{BATCHES}/{name}/{_SUBMITTED}", {"id": batch_id})


def ended(storage: Storage, name: str, how: str) -> None:
    """Note that every outcome is durable; `how` is the provider's last word, or why it never got the batch."""
    _once(storage, f"{BATCHES}/{name}/{_ENDED}", {"how": how})


def open_ones(storage: Storage, model: str) -> list[tuple[Batch, str | None]]:
    """The batches of a model that have not ended, each with the provider's id where it is known."""
    parts: defaultdict[str, set[str]] = defaultdict(set)
    for path in storage.list(BATCHES):
        name, _, part = path.removeprefix(f"{BATCHES}/").partition("/")
        parts[name].add(part)
    going = [name for name, has in sorted(parts.items()) if _PLAN in has and _ENDED not in has]
    found = [(Batch.model_validate_json(storage.read(f"{BATCHES}/{name}/{_PLAN}")), name) for name in going]
    return [
        (
            batch,
            json.loads(storage.read(f"{BATCHES}/{name}/{_SUBMITTED}"))["id"] if _SUBMITTED in parts[name] else None,
        )
        for batch, name in found
        if batch.model == model
    ]


def _once(storage: Storage, name: str, value: dict[str, str]) -> None:
    with contextlib.suppress(AlreadyExists):
        storage.create(name, json.dumps(value).encode())
