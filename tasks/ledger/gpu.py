"""Lease rows of engines: when cards were held, by what, and what they did meanwhile.

Whoever starts an engine process writes the rows of its lease under `ledger/engines/<run>/<lease>/<number>.json`,
each a whole `Lease` that says more than the one before; only the newest counts, and older ones are deleted. A lease
without an end whose heartbeat has stopped ended with its writer.
"""

from __future__ import annotations

from tasks.errors import Absent
from tasks.ledger.gpu_lease import Lease
from tasks.ledger.gpu_split import total
from tasks.rows.storage import Storage

ENGINES = "ledger/engines"


class LeaseBook:
    """Writes the rows of one engine's leases. Raises `StorageError`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._numbers: dict[str, int] = {}

    def write(self, lease: Lease) -> None:
        """Make a newer row durable, then delete the one before."""
        number = self._numbers.get(lease.lease, -1) + 1
        folder = f"{ENGINES}/{lease.run}/{lease.lease}"
        self._storage.put(f"{folder}/{number:08d}.json", lease.model_dump_json().encode())
        self._numbers[lease.lease] = number
        if number:
            self._storage.delete(f"{folder}/{number - 1:08d}.json")


def leases(storage: Storage, run: str | None = None) -> list[Lease]:
    """Every lease under a root, or of one run, as its newest row has it; oldest first."""
    while True:
        newest = {name.rsplit("/", 1)[0]: name for name in storage.list(f"{ENGINES}/{run}" if run else ENGINES)}
        try:
            found = storage.read_all(list(newest.values()))
        except Absent:  # a newer row took its place meanwhile
            continue
        rows = [Lease.model_validate_json(data) for data in found.values()]
        return sorted(rows, key=lambda row: (row.started_ms, row.lease))


def allocated_ms(storage: Storage, run: str, now_ms: int) -> int:
    """Milliseconds of cards that a run's engines have been allocated so far: what a budget of card-hours counts."""
    return total(leases(storage, run), now_ms).allocated
