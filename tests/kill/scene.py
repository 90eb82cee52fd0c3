"""One storage root with everything that works on it: the flow, its Prefect server and its rehearsal models.

Prefect server and models are processes beside the flow at fixed addresses, so that each can be killed alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.services import QUIET, free_port
from tests.kill import recipe
from tests.kill.processes import MARK, Process, kill_all

_PYTHON = [sys.executable, "-m"]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Where a run happens, and its three programs."""

    name: str
    root: str
    journal: Path
    flow: Process
    prefect: Process
    models: Process

    @property
    def flow_mark(self) -> str:
        """The mark of the flow process and of all that it starts."""
        return f"{self.name}-flow"

    def serve(self) -> None:
        """Start the servers that are down."""
        for server in (self.models, self.prefect):
            if not server.running:
                server.start()

    def served(self) -> int:
        """Replies that the rehearsal models have on record."""
        return self.journal.read_bytes().count(b"\n") if self.journal.exists() else 0


@contextmanager
def scene(folder: Path, root: str, *, runner: str, rows: int, latency_ms: int) -> Iterator[Scene]:
    """A scene with its servers up and its flow not yet started; everything in it ends with the block."""
    folder.mkdir(parents=True)
    env = {**QUIET, MARK: folder.name, "PREFECT_HOME": str(folder / "prefect")}
    models_port, prefect_port = free_port(), free_port()
    api = f"http://127.0.0.1:{prefect_port}/api"
    address = f"http://127.0.0.1:{models_port}"
    path = recipe.write(folder, f"{address}/v1", rows)
    journal = folder / "journal.jsonl"
    run = ["flows", "run", str(path), "--root", root, "--runner", runner, "--workers", str(recipe.WORKERS), "--json"]
    serve = ["tasks.models.rehearsal", "--port", str(models_port), "--journal", str(journal)]
    server = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(prefect_port)]
    made = Scene(
        name=folder.name,
        root=root,
        journal=journal,
        flow=Process(
            command=[*_PYTHON, *run],
            log=folder / "flow.log",
            env={**env, "PREFECT_API_URL": api, MARK: f"{folder.name}-flow"},
        ),
        prefect=Process(command=[*_PYTHON, *server], log=folder / "prefect.log", env=env, health=f"{api}/health"),
        models=Process(
            command=[*_PYTHON, *serve, "--latency-ms", str(latency_ms)],
            log=folder / "models.log",
            env=env,
            health=f"{address}/health",
        ),
    )
    try:
        made.serve()
        yield made
    finally:
        kill_all(made.flow_mark)
        kill_all(made.name)
