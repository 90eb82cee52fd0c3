"""The system of infra/local, run by a person who kills its pieces: a run on PostgreSQL, Redis, S3 and two Ray nodes,
driven as a deployment, loses its Ray worker node, its Prefect worker and its Prefect server, and nothing but time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from flows.local import ROOT
from flows.services import free_port
from tests.flows.ui_system import System, copy_repository, wait
from tests.kill import recipe as small
from tests.kill.processes import Process
from tests.kill.witness import conserved, outcome

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.flaky(reruns=0),  # on a system that has done the run already there is nothing to be killed at
]
ROWS = 8
PROGRAMS = ("redis-server", "prometheus")
SWITCH = "WHOLE_SYSTEM"
TERMINAL = ("Completed", "Failed", "Crashed")


@dataclass(frozen=True)
class Local(System):
    """The running system, the models' journal, and what its processes carry in their environment."""

    journal: Path
    env: dict[str, str]

    def served(self) -> int:
        return self.journal.read_bytes().count(b"\n") if self.journal.exists() else 0

    def pids(self, *words: str) -> list[int]:
        """Processes of this system whose command line holds all the words."""
        mark, found = f"STATE={self.repository}".encode(), []
        for one in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (one / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if mark in (one / "environ").read_bytes() and all(word in line for word in words):
                    found.append(int(one.name))
        return found

    def kill(self, *words: str) -> None:
        """SIGKILL, when more requests have been served and the process is there; back by the supervisor's doing."""
        before = self.served()
        wait(lambda: self.served() >= before + 8 and self.pids(*words), 300, lambda: f"{words}, {self.served()}")
        for pid in self.pids(*words):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def models(folder: Path) -> Iterator[tuple[str, Path]]:
    """Rehearsal models that take a moment for each reply, so that there is a middle; address and journal."""
    port, journal = free_port(), folder / "journal.jsonl"
    command = [sys.executable, "-m", "tasks.models.rehearsal", "--port", str(port), "--journal", str(journal)]
    server = Process(
        command=[*command, "--latency-ms", "1000"], log=folder / "models.log", env={}, health=f"http://127.0.0.1:{port}/health"
    )  # fmt: skip
    server.start()
    try:
        yield f"http://127.0.0.1:{port}/v1", journal
    finally:
        server.kill()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    if not os.environ.get(SWITCH):
        pytest.skip(f"starts the whole system, which takes minutes; set {SWITCH}=1")
    for program in PROGRAMS:
        if shutil.which(program) is None:
            pytest.skip(f"no {program}; apt-get install {program}")
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        pytest.skip("no PostgreSQL; apt-get install postgresql")
    folder = tmp_path_factory.mktemp("local")
    repository = folder / "repository"
    copy_repository(repository)
    with models(folder) as (address, journal):
        small.write(folder, address, ROWS).rename(repository / "deployments" / "kill.yaml")
        command = [sys.executable, "-m", "flows", "local", "--port", "0", "--state", str(repository / "state")]
        process = subprocess.Popen(command, cwd=repository, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "open" in line or "failed" in line)
            assert "open" in line, line + process.stderr.read()
            env = dict(one.split("=", 1) for one in environment_of(repository))
            with pytest.MonkeyPatch.context() as patch:
                for name, value in env.items():
                    if name.startswith("AWS_"):
                        patch.setenv(name, value)
                S3FileSystem.clear_instance_cache()  # a client keeps address and keys of the server it was made for
                yield Local(repository, line.split()[1].rstrip(";"), None, process, journal, env)  # type: ignore[arg-type]
        finally:
            S3FileSystem.clear_instance_cache()
            process.send_signal(signal.SIGINT)
            process.wait(timeout=180)


def environment_of(repository: Path) -> list[str]:
    mark = f"STATE={repository}"
    for one in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found = (one / "environ").read_bytes().decode().rstrip("\0").split("\0")
            if any(name.startswith(mark) for name in found):
                return found
    raise AssertionError("no process of the system")


def test_killing_its_pieces_costs_nothing_but_time(local: Local) -> None:
    wait(lambda: local.pids("/raylet/raylet", "127.0.0.3") and local.pids("worker start"), 600)
    wait(lambda: local.api("/deployments/filter", {}), 600)
    run = local.start("curate/curate", recipe="kill", root=ROOT, runner="ray", workers=2)
    local.kill("/raylet/raylet", "node_ip_address=127.0.0.3")
    local.kill("worker start")
    local.kill("prefect server start")
    wait(lambda: healthy(local), 300)
    for _ in range(3):  # what a person does about a run that failed: press Retry
        if local.wait_for(run, *TERMINAL, seconds=600) == "Completed":
            break
        state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
        local.api(f"/flow_runs/{run}/set_state", {"state": state, "force": True})
        wait(lambda: local.state(run) not in TERMINAL, 60)
    assert local.state(run) == "Completed"
    found = outcome(ROOT, local.journal)
    assert found.repaid == 0
    assert [body for body, times in found.served.items() if times > found.durable[body] + found.listed[body]] == []
    assert found.twice <= small.AT_ONCE * 3
    assert any(name.endswith(".parquet") for name in found.dataset)
    assert conserved(found.funnel)


def healthy(local: Local) -> bool:
    with contextlib.suppress(OSError):
        return bool(local.api("/health"))
    return False


def test_nothing_is_left_when_it_is_stopped(local: Local) -> None:
    local.process.send_signal(signal.SIGINT)
    assert local.process.wait(timeout=180) in (0, 130)
    assert [line for line in local.processes() if line and "pytest" not in line] == []
