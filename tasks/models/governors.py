"""Where the governor of an endpoint lives: in a file of this machine, or in an actor of the Ray cluster.

`OnMachine` serves every run on one machine, whatever it runs its shards on: its state is a small file that one
process at a time changes. There is no process that could die; a file that cannot be read is begun afresh.
`tasks.models.governor_actor` serves a cluster of many machines.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from tasks.errors import StorageError
from tasks.ledger.machine import checked, private_folder
from tasks.models.governor import Grant, Limits, Report, State, fresh, govern
from tasks.rows.fingerprint import digest

_BOOT = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class Governor(Protocol):
    """Takes reports and grants slices. Called from threads; raises `CurationError` if it cannot be reached."""

    def report(self, endpoint: str, limits: Limits, report: Report) -> Grant:
        """A slice for the desk that reports; `endpoint` names what is shared: an address and a model."""
        ...


class OnMachine:
    """The governor of this machine. Its clock counts from the start of the machine, for all processes alike, so a
    file belongs to one start.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Without a folder: one of this user's in the machine's temporary files. Raises `StorageError`."""
        self._folder = checked(folder) if folder else private_folder()

    def report(self, endpoint: str, limits: Limits, report: Report) -> Grant:
        """See `Governor`."""
        try:
            opened = os.open(self._folder / f"{digest([_BOOT, endpoint])[:32]}.json", os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(opened, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                now = time.monotonic()
                state, grant = govern(_state(file.read(), limits, now), limits, report, now)
                file.seek(0)
                file.write(state.model_dump_json().encode())
                file.truncate()
        except OSError as fault:
            raise StorageError(f"the rates of {endpoint} cannot be kept in {self._folder}: {fault}") from fault
        return grant


def _state(kept: bytes, limits: Limits, now: float) -> State:
    try:
        return State.model_validate_json(kept)
    except ValidationError:  # new, or its last writer was killed while it wrote
        return fresh(limits, now)
