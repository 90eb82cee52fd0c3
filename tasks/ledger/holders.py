"""Who holds a lease, and whether that process is surely dead: then nobody need wait for its lease to run out.

A process of another machine or another container may live or not; only one of this machine and this process
namespace can be looked up, and its number may since belong to another, so its start counts as well.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

_PROC = Path("/proc")


class Holder(BaseModel):
    """A process that works on a shard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    host: str
    process: int
    machine: str | None = Field(description="This start of this machine and its process namespace; null if unknown")
    started: int | None = Field(description="Clock ticks from the machine's start to the process's; null if unknown")

    def __str__(self) -> str:
        return f"run {self.run or '(none)'}, process {self.process} on {self.host}"


def this_process(run: str) -> Holder:
    """This process, as a holder."""
    process = os.getpid()
    return Holder(run=run, host=socket.gethostname(), process=process, machine=_machine(), started=_start_of(process))


def is_dead(holder: Holder) -> bool:
    """Whether the process is certainly no more; False where nobody here can know."""
    if holder.machine is None or holder.started is None or holder.machine != _machine():
        return False
    return _start_of(holder.process) != holder.started


@cache
def _machine() -> str | None:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return None


def _start_of(process: int) -> int | None:
    """When a process started, None if there is none: one that ended and waits for its parent is none."""
    try:
        facts = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, started = facts[0], int(facts[19])
    return None if state in "ZX" else started
