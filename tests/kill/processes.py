"""The processes of a scene, found by a mark in their environment, which children inherit; and how they are killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

MARK = "KILL_TEST_SCENE"
REPOSITORY = Path(__file__).parents[2]


@dataclass(kw_only=True)
class Process:
    """A program of a scene, which may be started again after its end."""

    command: list[str]
    log: Path
    env: dict[str, str]
    health: str | None = None
    """An address that answers once the program is ready."""
    _running: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self, seconds: float = 120) -> None:
        """Start it and wait until it is ready. Raises `RuntimeError` if that does not come about."""
        with self.log.open("ab") as log, self.log.with_suffix(".out").open("wb") as out:
            self._running = subprocess.Popen(
                self.command, cwd=REPOSITORY, env={**os.environ, **self.env}, stdout=out, stderr=log
            )
        if self.health is None:
            return
        deadline = time.monotonic() + seconds
        while not _answers(self.health):
            if self.ended is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.command[:4]} did not start; see {self.log}")
            time.sleep(0.1)

    @property
    def ended(self) -> int | None:
        """The exit code, None while it runs or before it was started."""
        return self._running.poll() if self._running else None

    @property
    def pid(self) -> int | None:
        """The process, None where none runs."""
        return self._running.pid if self._running and self.running else None

    @property
    def running(self) -> bool:
        return self._running is not None and self.ended is None

    def kill(self) -> None:
        """SIGKILL, and wait for the end of this one process; its children are left to themselves."""
        if self._running:
            self._running.kill()
            self._running.wait()

    def said(self) -> str:
        """Standard output of the last start."""
        return self.log.with_suffix(".out").read_text(encoding="utf-8", errors="replace")


def marked(scene: str) -> Iterator[tuple[int, str]]:
    """(process, command line) of every living process that carries a scene's mark."""
    wanted = f"{MARK}={scene}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if words:  # a zombie has none, and holds nothing
                    yield int(entry.name), words


def is_agent(words: str) -> bool:
    """Whether a command line is that of one of Ray's agents.

    They do none of the work, and end a minute after their cluster: so long they try to tell its dead server about it.
    """
    return words.startswith("ray::") and words.split()[0].endswith("Agent")


def left_over(scene: str, seconds: float) -> list[str]:
    """Command lines of what carries a scene's mark and does not end by itself within so many seconds; no agents."""
    deadline = time.monotonic() + seconds
    while (left := [words for _, words in marked(scene) if not is_agent(words)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def kill_all(scene: str) -> None:
    """SIGKILL everything that carries a scene's mark."""
    for _ in range(20):
        found = list(marked(scene))
        if not found:
            return
        for process, _ in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 - a loopback address of the scene's
            return bool(answer.status == 200)
    except OSError:
        return False
