"""The greatest memory that processes came to, by what they are: a process and all that it started, as Linux tells."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

Peaks = dict[str, int]
"""MiB by kind of process: the greatest that one of the kind came to."""
_SECONDS = 1.0
_KINDS = (("ray::", "workers"), ("raylet", "Ray itself"), ("gcs_server", "Ray itself"), ("spawn_main", "comparers"))
"""What a command line holds, and what such a process is called."""


@contextmanager
def watched(pid: int, others: Sequence[int] = ()) -> Iterator[Peaks]:
    """Peaks of a process (`driver`), of `others` and of the descendants of all, complete when the block has ended."""
    peaks: Peaks = {}

    def look() -> None:
        for one in _tree(pid, *others):
            kind = "driver" if one == pid else _kind(one)
            peaks[kind] = max(peaks.get(kind, 0), peak(one))

    with repeatedly(look, _SECONDS):
        yield peaks


@contextmanager
def repeatedly(look: Callable[[], None], seconds: float) -> Iterator[None]:
    """Look again and again, with so many seconds between, in a thread of its own, while the block runs."""
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(seconds):
            look()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _tree(*pids: int) -> list[int]:
    """The processes and their descendants."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        found = _read(path)
        if found:
            parents.setdefault(int(found.rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
    tree = list(pids)
    for one in tree:
        tree.extend(parents.get(one, ()))
    return tree


def _kind(pid: int) -> str:
    words = _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ")
    return next((name for part, name in _KINDS if part in words), "others")


def peak(pid: int) -> int:
    """MiB that a process has come to since its program was loaded; `ru_maxrss` counts who started it, too."""
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM")), 0)


def _read(path: Path) -> str:
    """A file of /proc; empty where the process has ended."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
