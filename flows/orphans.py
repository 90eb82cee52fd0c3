"""Nothing outlives its owner: processes that lost their parent come to this one, and end with it. Linux only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_GENERATIONS = 10
_SECONDS_BETWEEN_LOOKS = 1.0


@contextmanager
def no_orphans(grace_seconds: float = 5.0) -> Iterator[None]:
    """After the block, every process that was started in it, by whomever, is ended: asked first, then killed."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    before = set(children(os.getpid()))
    try:
        yield
    finally:
        _end(before, signal.SIGTERM, grace_seconds)
        for _ in range(_GENERATIONS):  # those that a killed process leaves behind come to this one in turn
            if not _end(before, signal.SIGKILL, grace_seconds):
                break


def end_with_parent() -> None:
    """From now on this process ends at once when its parent has: a worker of Ray, whose raylet is gone, would go on
    with its task, and with the requests that the task sends.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def children(pid: int) -> list[int]:
    """The direct children of a process, whichever of its threads started them."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(one) for one in thread.read_text().split()]
    return found


def _end(kept: set[int], with_signal: signal.Signals, grace_seconds: float) -> bool:
    """Signal all children but `kept`, and reap what ends in time; says whether there was any."""
    there = [pid for pid in children(os.getpid()) if pid not in kept]
    for pid in there:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, with_signal)
    deadline = time.monotonic() + grace_seconds
    left = there
    while left and time.monotonic() < deadline:
        left = [pid for pid in left if not _reaped(pid)]
        time.sleep(0.05)
    return bool(there)


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
