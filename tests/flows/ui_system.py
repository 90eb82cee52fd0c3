"""The whole system as `python -m flows ui` starts it, on a copy of the repository, and what it talks to.

Real: Prefect server, work pool, worker, deployments, automations, storage, the rehearsal models. Between a run and
the models stands a gate: a real HTTP server that passes requests on, and can refuse those of some problems as a
provider refuses a wrong key, repeating the key as some do.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import aiohttp
import yaml
from aiohttp import web
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from flows.services import free_port, rehearsal
from tasks.models.rehearsal.champ import problems

REPOSITORY = Path(__file__).resolve().parents[2]
KEY_VARIABLE = "GATE_KEY"
ROWS, SHARDS = 30, 3
ROLES = ("screener", "rater", "topic")


@dataclass
class Gate:
    """Passes requests on to the models; keeps what it was asked and what it was sent by webhook."""

    models: str
    refused: tuple[str, ...] = ()
    """Requests that hold one of these texts are refused."""
    rejected: tuple[str, ...] = ()
    """Requests that hold one of these texts are answered as nothing that can ever be answered."""
    seconds: float = 0.0
    asked: list[tuple[float, str]] = field(default_factory=list)
    """When (monotonic) and what."""
    alerts: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""

    async def complete(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.asked.append((time.monotonic(), body))
        await asyncio.sleep(self.seconds)
        said = " ".join(message["content"] for message in json.loads(body)["messages"])
        if any(text in said for text in self.refused):
            key = request.headers["Authorization"].removeprefix("Bearer ")
            return web.json_response({"error": {"message": f"Incorrect API key provided: {key}"}}, status=401)
        if any(text in said for text in self.rejected):
            return web.json_response({"error": {"message": "The request cannot be processed"}}, status=400)
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                f"{self.models}/chat/completions", data=body, headers={"Content-Type": "application/json"}
            ) as got,
        ):
            return web.Response(status=got.status, body=await got.read(), content_type="application/json")

    async def alert(self, request: web.Request) -> web.Response:
        self.alerts.append(await request.json())
        return web.Response()


@contextmanager
def gate(folder: Path, hook: str) -> Iterator[Gate]:
    """A gate before rehearsal models, in a thread; alerts are received at `/<hook>`."""
    with rehearsal(folder / "journal.jsonl") as models:
        found, ready, stop = Gate(models), threading.Event(), asyncio.Event()
        loop = asyncio.new_event_loop()

        async def serve() -> None:
            app = web.Application()
            app.add_routes([web.post("/v1/chat/completions", found.complete), web.post(f"/{hook}", found.alert)])
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            found.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            ready.set()
            await stop.wait()
            await runner.cleanup()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
        thread.start()
        ready.wait()
        try:
            yield found
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()


def _patient(least: int, most: int) -> Retrying:
    """Repeats what ends with such a status of HTTP."""
    meant = retry_if_exception(lambda fault: isinstance(fault, HTTPError) and least <= fault.code <= most)
    return Retrying(retry=meant, wait=wait_fixed(1), stop=stop_after_delay(120), reraise=True)


_ASKING = _patient(500, 599)
_TELLING = _patient(503, 503)  # of which it has done nothing


@dataclass(frozen=True)
class System:
    """A running system."""

    repository: Path
    address: str
    gate: Gate
    process: subprocess.Popen[str]

    def api(self, path: str, body: Any = None) -> Any:
        """What the Prefect server answers: POST with a body, GET without.

        What it could not do is asked again: on a busy machine its database is locked for long.
        """
        asks = body is None or path.endswith("/filter")
        return (_ASKING if asks else _TELLING)(self._api, path, body)

    def _api(self, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - a loopback address
            f"{self.address}/api{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def deployment(self, name: str) -> dict[str, Any]:
        return dict(self.api(f"/deployments/name/{name}"))

    def start(self, name: str, **parameters: Any) -> str:
        """Start a run of a deployment; gives the flow run's id."""
        made = self.api(f"/deployments/{self.deployment(name)['id']}/create_flow_run", {"parameters": parameters})
        return str(made["id"])

    def runs_of(self, deployment: str) -> list[str]:
        """Ids of a deployment's runs, the latest first."""
        wanted = {"deployments": {"name": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_DESC"}
        return [str(one["id"]) for one in self.api("/flow_runs/filter", wanted)]

    def processes(self) -> list[str]:
        """Command lines of everything that the system has started and that still is."""
        found = []
        for one in Path("/proc").glob("[0-9]*"):
            try:
                if str(self.repository).encode() in (one / "environ").read_bytes():
                    found.append((one / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def state(self, flow_run: str) -> str:
        return str(self.api(f"/flow_runs/{flow_run}")["state"]["name"])

    def artifacts(self, flow_run: str) -> dict[str, dict[str, Any]]:
        wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run]}}}
        return {one["key"]: one for one in self.api("/artifacts/filter", wanted)}

    def tasks(self, flow_run: str) -> list[dict[str, Any]]:
        wanted = {"flow_runs": {"id": {"any_": [flow_run]}}, "limit": 200}
        return list(self.api("/task_runs/filter", wanted))

    def wait_for(self, flow_run: str, *names: str, seconds: float = 600) -> str:
        return str(
            wait(lambda: (name := self.state(flow_run)) in names and name, seconds, lambda: self.state(flow_run))
        )


def wait(look: Any, seconds: float, say: Any = lambda: "") -> Any:
    """What `look` gives, as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain: {say()}")
        time.sleep(0.25)
    return found


def copy_repository(to: Path) -> None:
    """The files that git would commit."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if (REPOSITORY / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, to / name)


def write_recipe(repository: Path, address: str) -> None:
    """A recipe of one's own in deployments/: 30 problems, three stages that ask through the gate."""
    rows = [json.dumps({"id": one.id, "question": one.text, "answer": one.gold}) + "\n" for one in problems()[:ROWS]]
    (repository / "own.jsonl").write_text("".join(rows), encoding="utf-8")
    recipe = {
        "name": "own",
        "sources": [{"name": "champ", "path": "own.jsonl", "licence": "MIT"}],
        "endpoints": {
            "gate": {"kind": "openai", "address": f"{address}/v1", "api_key_env": KEY_VARIABLE, "concurrency": 2}
        },
        "roles": {
            name: {"endpoint": "gate", "model": f"rehearsal/{name}", "revision": "1"} for name in ROLES
        },
        "stages": [{"stage": "screen"}, {"stage": "rate", "gate": 3.0}],
        "shards": 7,  # the form says otherwise
    }  # fmt: skip
    (repository / "deployments" / "own.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")


def schedule_every_minute(repository: Path) -> None:
    """One more deployment, whose schedule is active."""
    path = repository / "deployments" / "prefect.yaml"
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    compact = next(one for one in given["deployments"] if one["name"] == "compact")
    schedules = [{"cron": "* * * * *", "slug": "every-minute", "active": True}]
    given["deployments"].append({**compact, "name": "compact-often", "schedules": schedules})
    path.write_text(yaml.safe_dump(given), encoding="utf-8")


@contextmanager
def system(folder: Path, key: str, hook: str) -> Iterator[System]:
    """Everything up; ended as Ctrl-C ends it."""
    repository = folder / "repository"
    with ExitStack() as stack:
        models = stack.enter_context(gate(folder, hook))
        copy_repository(repository)
        write_recipe(repository, models.address)
        schedule_every_minute(repository)
        command = [sys.executable, "-m", "flows", "ui", "--port", str(free_port())]
        env = {**os.environ, KEY_VARIABLE: key, "CURATION_ALERTS_URL": f"{models.address}/{hook}"}
        process = subprocess.Popen(command, cwd=repository, env=env, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "open" in line or "failed" in line)
            assert "open" in line, line + process.stderr.read()
            yield System(repository, line.split()[1].rstrip(";"), models, process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
