"""One vLLM process: started, asked whether it works, ended. It never outlives its owner (`engine_reap`)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tasks.models import engine_metrics
from tasks.models.engine import REPOSITORY, Engine, command, environment
from tasks.models.engine_metrics import Sample

REAPER = Path(__file__).with_name("engine_reap.py")
LAST_WORDS = 4000
_LOOK_SECONDS = 5.0
_PROBE_SECONDS = 12.0
NETWORK_FAULTS = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back to the client."""

    status: int
    kind: str
    body: bytes


class EngineProcess:
    """A vLLM process on a free loopback port, with all it starts in one process group."""

    def __init__(self, engine: Engine, log: Path, http: aiohttp.ClientSession) -> None:
        """Start it. Its output goes to `log`."""
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._engine, self._log, self._http = engine, log, http
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(REAPER), *command(engine, port)],
                stdin=subprocess.PIPE,  # the reaper ends the group when this end is closed
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY,
                env=environment(engine, dict(os.environ)),
                start_new_session=True,
            )

    @property
    def group(self) -> int:
        """The process group of everything that belongs to it."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the process is there; that it answers is another question."""
        return self._process.poll() is None

    async def completes(self) -> bool:
        """Whether it really generates: one token. An open port or a list of models proves nothing."""
        body = {"model": self._engine.model.name, "prompt": "1", "max_tokens": 1, "temperature": 0.0}
        limit = aiohttp.ClientTimeout(total=_PROBE_SECONDS)
        try:
            async with self._http.post(f"{self.address}/v1/completions", json=body, timeout=limit) as answer:
                return answer.status == 200 and bool(await answer.read())
        except NETWORK_FAULTS:
            return False

    async def sample(self) -> Sample | None:
        """What it says of itself; None if it does not answer."""
        try:
            limit = aiohttp.ClientTimeout(total=_LOOK_SECONDS)
            async with self._http.get(f"{self.address}/metrics", timeout=limit) as answer:
                return engine_metrics.read(await answer.text())
        except NETWORK_FAULTS:
            return None

    async def post(self, path: str, body: bytes) -> Answer:
        """Pass a request on, a GET if it has no body. Raises `NETWORK_FAULTS`. The client alone limits its time."""
        headers = {"Content-Type": "application/json"}
        limit = aiohttp.ClientTimeout(total=None)
        method, url = "POST" if body else "GET", f"{self.address}{path}"
        async with self._http.request(method, url, data=body or None, headers=headers, timeout=limit) as answer:
            return Answer(status=answer.status, kind=answer.content_type, body=await answer.read())

    def last_words(self) -> str:
        """The end of its output."""
        with suppress(OSError), self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - LAST_WORDS))
            return file.read().decode("utf-8", "replace")
        return ""

    def end(self) -> None:
        """Kill the whole group, at once: nothing in it is worth waiting for."""
        with suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


def free_port() -> int:
    """A port that is free on loopback now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
