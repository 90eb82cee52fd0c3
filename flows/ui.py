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


@contextmanager
def ui(home: Path, port: int, alerts_url: str | None) -> Iterator[str]:
    """Everything that a person needs to run recipes from the browser; gives the UI's address.

    Alerts go to the webhook at `alerts_url`, if there is one.

    Raises `CurationError` if the server does not come up or a deployment cannot be made.
    """
    with no_orphans(), services.prefect_server(home, port) as server, server():
        api = os.environ["PREFECT_API_URL"]
        prefect("work-pool", "create", POOL, "--type", "process", "--overwrite")
        prefect("deploy", "--all", "--prefect-file", str(DEPLOYMENTS))
        if alerts_url:
            from flows import automations  # here, because it imports Prefect

            automations.install(alerts_url)
        with services.child(worker(), log=home / "worker.log", env=of_worker(), piped=False):
            yield api.removesuffix("/api")


def worker() -> list[str]:
    """The command that starts a worker of the pool; runs are its children and end with it."""
    return [*_prefect(), "worker", "start", "--pool", POOL, "--type", "process"]


def of_worker() -> dict[str, str]:
    """What a worker's environment needs beside this process's: the flows, wherever a run is started."""
    return {"PYTHONPATH": str(REPOSITORY)}


def prefect(*arguments: str) -> None:
    """Call Prefect's own command line, without questions. Raises `CurationError` with what it said."""
    command = [*_prefect(), "--no-prompt", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **of_worker()}, check=False)
    if done.returncode:
        raise CurationError(f"prefect {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def wait_for_stop() -> None:
    """Return at Ctrl-C or SIGTERM."""
    stop = threading.Event()
    for one in _STOP:
        signal.signal(one, lambda *_: stop.set())
    stop.wait()


def _prefect() -> list[str]:
    return [sys.executable, "-m", "prefect"]
