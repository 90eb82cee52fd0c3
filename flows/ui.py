"""The Prefect UI on one machine: server, work pool, deployments and a worker, on loopback, until Ctrl-C.

A server that PREFECT_API_URL names is used instead of one of its own; PREFECT_SERVER_DATABASE_CONNECTION_URL gives
the own one a PostgreSQL database in place of SQLite.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows import services
from flows.orphans import no_orphans
from flows.runner import REPOSITORY
from tasks.errors import CurationError

POOL = "curation"
DEPLOYMENTS = Path("deployments") / "prefect.yaml"
_STOP = (signal.SIGINT, signal.SIGTERM)
_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_BETWEEN_HEARTBEATS = "60"


@contextmanager
def ui(home: Path, port: int, alerts_url: str | None) -> Iterator[str]:
    """Everything that a person needs to run recipes from the browser; gives the UI's address.

    Alerts go to the webhook at `alerts_url`, if there is one.

    Raises `CurationError` if the server does not come up or a deployment cannot be made.
    """
    with no_orphans(), services.prefect_server(home, port) as server, server():
        make_deployments(alerts_url)
        with services.child(worker(), log=home / "worker.log", env=of_worker(), piped=False):
            yield os.environ["PREFECT_API_URL"].removesuffix("/api")


def make_deployments(alerts_url: str | None) -> None:
    """The work pool, the deployments and the automations on the server that PREFECT_API_URL names.

    Alerts go to the webhook at `alerts_url`, if there is one. Raises `CurationError` if one cannot be made.
    """
    prefect("work-pool", "create", POOL, "--type", "process", "--overwrite")
    prefect("deploy", "--all", "--prefect-file", str(DEPLOYMENTS))
    from flows import automations  # here, because it imports Prefect

    automations.end_lost_runs()
    if alerts_url:
        automations.install(alerts_url)


def work() -> None:
    """Work for the deployments until Ctrl-C or SIGTERM. A worker that ends by itself is followed by another: the runs
    that it had begun go on meanwhile, and end with this process.
    """
    with no_orphans():
        stopped = False
        while not stopped:
            with services.child(worker(), log=None, env=of_worker(), piped=False) as process:
                stopped = wait_for_stop(process)


def worker() -> list[str]:
    """The command that starts a worker of the pool; runs are its children and end with it."""
    return [*_prefect(), "worker", "start", "--pool", POOL, "--type", "process"]


def of_worker() -> dict[str, str]:
    """What a worker's environment needs beside this process's: the flows, wherever a run is started, and how often a
    run says that it lives.
    """
    every = os.environ.get("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", _SECONDS_BETWEEN_HEARTBEATS)
    return {"PYTHONPATH": str(REPOSITORY), "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": every}


def prefect(*arguments: str) -> None:
    """Call Prefect's own command line, without questions. Raises `CurationError` with what it said."""
    command = [*_prefect(), "--no-prompt", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **of_worker()}, check=False)
    if done.returncode:
        raise CurationError(f"prefect {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def heed_signals() -> None:
    """Let Ctrl-C and SIGTERM end this process in order, also where SIGINT was ignored, as in a shell's background."""
    for one in _STOP:
        signal.signal(one, signal.default_int_handler)


def wait_for_stop(process: subprocess.Popen[str] | None = None) -> bool:
    """Return at Ctrl-C or SIGTERM; False if `process` ended before."""
    stop = threading.Event()
    for one in _STOP:
        signal.signal(one, lambda *_: stop.set())
    if process is None:
        return stop.wait()
    while not stop.wait(_SECONDS_BETWEEN_LOOKS):
        if process.poll() is not None:
            return False
    return True


def _prefect() -> list[str]:
    return [sys.executable, "-m", "prefect"]
