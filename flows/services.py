"""Processes that a run on one machine starts for itself: a Prefect server, Ray, the rehearsal models.

Each is bound to loopback and dies with the process that started it, however that one ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tasks.errors import CurationError

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,tasks",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
"""Switches against telemetry and log lines that the Prefect UI has anyway; the log lines of our own modules go to the
UI. Set before Prefect is imported, unless the environment says otherwise."""

_PR_SET_PDEATHSIG = 1


def be_quiet() -> None:
    """Set the switches of `QUIET` for this process and its children."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def free_port() -> int:
    """A free port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def child(
    command: list[str],
    *,
    log: Path | None,
    env: dict[str, str] | None = None,
    piped: bool = True,
    patience: float = 10,
) -> Iterator[subprocess.Popen[str]]:
    """A process with its errors in `log` (None: where this one's go), and its output in a pipe or there too.

    It is ended with the block, and with this process; killed where it has not heeded SIGTERM for `patience` seconds.
    """
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") if log else nullcontext() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else errors,
            stderr=errors,
            text=True,
            env={**os.environ, **(env or {})},
            preexec_fn=_die_with_parent,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def rehearsal(journal: Path, faults: str | None = None) -> Iterator[str]:
    """The rehearsal models, misbehaving by the plan in the file `faults`; gives their base URL."""
    command = [sys.executable, "-m", "tasks.models.rehearsal", "--port", "0", "--journal", str(journal)]
    command += ["--faults", faults] if faults else []
    log = journal.with_suffix(".log")
    with child(command, log=log) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise CurationError(f"the rehearsal models did not start; see {log}")
        yield str(json.loads(line)["url"])


@contextmanager
def prefect_server(home: Path, port: int = 0) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """A Prefect server with its database in `home`, unless PREFECT_API_URL names one already. Port 0: any free one.

    It takes seconds to come up, and comes up by itself meanwhile; what is given waits for it and makes it the
    server of this process and of those started from then on.
    """
    if os.environ.get("PREFECT_API_URL"):
        yield nullcontext
        return
    port, log = port or free_port(), home / "server.log"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    home.mkdir(parents=True, exist_ok=True)
    env = {
        "PREFECT_HOME": str(home.resolve()),
        "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_UI_API_URL": "/api",  # else the pages look for port 4200, whatever the port is
    }
    with child(command, log=log, env=env, piped=False) as process:
        yield lambda: _in_use(f"http://127.0.0.1:{port}/api", process, log)


@contextmanager
def _in_use(url: str, process: subprocess.Popen[str], log: Path) -> Iterator[None]:
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_URL, temporary_settings

    wait_for(f"{url}/health", process, log)
    os.environ["PREFECT_API_URL"] = url
    try:
        with temporary_settings({PREFECT_API_URL: url}):
            yield
    finally:
        APILogWorker.drain_all(timeout=10)
        EventsWorker.drain_all(timeout=10)
        del os.environ["PREFECT_API_URL"]


def wait_for(url: str, process: subprocess.Popen[str] | None, log: Path | None, seconds: float = 600) -> None:
    """Return once `url` answers. Raises `CurationError` if it does not in time, or if the process behind it ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process and process.poll() is not None:
            break
        try:
            with urlopen(url, timeout=2) as answer:  # noqa: S310 - http:, by the caller's word
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.1)
    raise CurationError(f"nothing answers at {url}{f'; see {log}' if log else ''}")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
