"""Engines as Ray Serve applications: one for each engine of a run. The only module that imports ray.serve.

Replicas start with the first request and stop when they have been idle; Ray places each on one node with all its
cards. A replica keeps one vLLM process (`engine_watch`), passes requests on, and writes the lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import ray
from ray import serve
from ray.serve.config import AutoscalingConfig, RequestRouterConfig
from starlette.requests import Request
from starlette.responses import Response

from tasks.errors import RecipeError
from tasks.ledger.gpu import LeaseBook, leases
from tasks.models.engine import Engine
from tasks.models.engine_identity import check
from tasks.models.engine_lease import OpenLease, Owner, now_ms
from tasks.models.engine_process import EngineProcess, free_port
from tasks.models.engine_watch import DIED, Watch
from tasks.rows.storage import Storage

SESSION_HEADER = "X-Session-Id"
"""Requests of one session meet one replica, and so the prefixes in its cache; see infra/README.md."""
_ROUTER = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
_WAITING = 100_000
"""No bound to what may wait in a replica: vLLM has a queue, and a hunt must not be kept out by those who wait."""
CLUSTER_PORT = 8000


class Keeper:
    """A replica: one vLLM process and its lease."""

    async def __init__(self, engine: str, owner: str) -> None:  # type: ignore[misc]  # Serve awaits it
        """`engine` and `owner` are JSON of `Engine` and `Owner`. Weights that are not the pinned ones close it."""
        self._engine, self._owner = Engine.model_validate_json(engine), Owner.model_validate_json(owner)
        storage = Storage(self._owner.root)
        book, log = LeaseBook(storage), _log_of(self._owner)
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._watch = Watch(
            self._engine,
            start=lambda: EngineProcess(self._engine, log, self._http),
            lease=lambda restart: OpenLease(book, self._engine, self._owner, restart=restart),
            deaths=await asyncio.to_thread(deaths, storage, self._owner),
        )
        try:
            await asyncio.to_thread(check, self._engine)
        except RecipeError as fault:
            self._watch.closed = str(fault)
        self._watching = asyncio.create_task(self._watch.run())

    async def check_health(self) -> None:
        """Whether the engine is being watched; a dead engine is the watch's own business."""
        if self._watching.done() and self._watch.closed is None:
            self._watching.result()
            raise RuntimeError("nobody watches the engine")

    async def __call__(self, request: Request) -> Response:
        path = request.url.path.removeprefix(str(request.scope.get("root_path", "")))
        answer = await self._watch.answer(path, await request.body())
        headers = {"Retry-After": "1"} if answer.status == DIED else None
        return Response(answer.body, status_code=answer.status, media_type=answer.kind, headers=headers)

    async def __del__(self) -> None:  # Serve awaits it when a replica is stopped in good order
        self._watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watching
        await self._http.close()


def deaths(storage: Storage, owner: Owner) -> int:
    """How often the engine has died since its run was started."""
    found = [one for one in leases(storage, owner.run) if one.endpoint == owner.endpoint]
    return sum(one.started_ms >= owner.since_ms and one.has_died(now_ms()) for one in found)


def _log_of(owner: Owner) -> Path:
    return Path(tempfile.gettempdir()) / f"engine-{owner.run}-{owner.endpoint}-{os.getpid()}.log"


@contextmanager
def serving(engines: Mapping[str, Engine], root: str, run: str) -> Iterator[dict[str, str]]:
    """Serve a run's engines, by endpoint name, for as long as the block lasts; gives their base URLs.

    Nothing is loaded before the first request.
    """
    own = "RAY_ADDRESS" not in os.environ
    host, port = ("127.0.0.1", free_port()) if own else (ray.util.get_node_ip_address(), CLUSTER_PORT)
    serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port})
    names = {endpoint: f"{run}-{endpoint}" for endpoint in engines}
    there = serve.status().applications
    try:
        for endpoint, engine in engines.items():
            name = names[endpoint]
            if name not in there:  # else another process works on the same run
                owner = Owner(root=root, run=run, endpoint=endpoint, since_ms=now_ms())
                serve.run(_application(engine, owner), name=name, route_prefix=f"/{name}")
        yield {endpoint: f"http://{host}:{port}/{name}/v1" for endpoint, name in names.items()}
    finally:
        for name in names.values():
            serve.delete(name)
        if own:
            serve.shutdown()


def _application(engine: Engine, owner: Owner) -> serve.Application:
    serving = engine.serving
    made = serve.deployment(
        name="engine",
        ray_actor_options={"num_cpus": 0, "num_gpus": serving.gpus},
        autoscaling_config=AutoscalingConfig(
            min_replicas=0,
            initial_replicas=0,
            max_replicas=serving.replicas,
            target_ongoing_requests=serving.max_num_seqs,
            upscale_delay_s=5,
            downscale_delay_s=serving.idle_seconds,
            downscale_to_zero_delay_s=serving.idle_seconds,
        ),
        max_ongoing_requests=_WAITING,
        max_queued_requests=-1,
        health_check_period_s=5,
        graceful_shutdown_timeout_s=serving.drain_seconds,
        request_router_config=RequestRouterConfig(request_router_class=_ROUTER),
        logging_config={"log_level": "ERROR", "enable_access_log": False},
    )
    return made(Keeper).bind(engine.model_dump_json(), owner.model_dump_json())
