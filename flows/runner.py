"""Where task runs are executed: on Ray (local, or the cluster this process is in) or on threads.

The one module that imports prefect_ray. Ray's client mode is never used: the driver lives inside the cluster.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenacity import Retrying, stop_after_attempt

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS = 300.0
"""How long a start of Ray may take."""
WAITING_CPUS = 1 / 16
_OF_RAY = {"idle_worker_killing_time_threshold_ms": 60_000, "prestart_worker_first_driver": False}
"""A worker is idle for a minute before it is ended because there are more than CPUs. As shipped that is one second,
and a run's short pauses end workers whose next start costs the same imports again: 109 in one run of 1,920 tasks on
two CPUs. And none is started before it is known what for: it would be without `_OF_WORKERS`, and never be used."""
_OF_WORKERS = {"worker_process_setup_hook": "flows.orphans.end_with_parent"}


class Runner(StrEnum):
    """What runs the shards."""

    RAY = "ray"
    THREADS = "threads"


@contextmanager
def task_runner(kind: Runner, workers: int) -> Iterator[TaskRunner[Any]]:
    """A task runner of that kind; with Ray, the cluster is left as it was found."""
    from prefect.task_runners import ThreadPoolTaskRunner

    if kind is Runner.THREADS:
        yield ThreadPoolTaskRunner(max_workers=workers)
        return
    import ray
    from prefect_ray import RayTaskRunner

    os.environ["PYTHONPATH"] = str(REPOSITORY)
    if os.environ.get("RAY_ADDRESS"):
        ray.init(address="auto", logging_level=logging.ERROR, runtime_env=_OF_WORKERS)
    else:
        _start_local(workers)
    try:
        yield RayTaskRunner()
    finally:
        ray.shutdown()


def mostly_waiting() -> AbstractContextManager[object]:
    """What is submitted within takes a small part of a Ray CPU: it waits, a day at a time, for batches.

    Not none at all: each shard at work is a process, and the memory of a machine bounds how many there can be.
    """
    if not ray_is_up():
        return nullcontext()
    from prefect_ray.context import remote_options

    options: AbstractContextManager[object] = remote_options(num_cpus=WAITING_CPUS)
    return options


def in_shared_cluster() -> bool:
    """Whether shards run on a Ray cluster that was there before this run, and may hold other runs and machines."""
    import ray

    return bool(os.environ.get("RAY_ADDRESS")) and ray.is_initialized()


def gpus_of_a_node() -> int:
    """How many GPUs the node has that has most of them, of those that are there now."""
    import ray

    return max((int(node["Resources"].get("GPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)


def ray_is_up() -> bool:
    """Whether this process is connected to Ray. Asking does not load it."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


@contextmanager
def running_on(kind: Runner, workers: int) -> Iterator[None]:
    """What the flow run of this context submits is executed there: a deployment learns it from its parameters,
    when the run with the task runner of the flow's definition has begun already.
    """
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    if context is None:
        raise RuntimeError("there is no flow run whose tasks could be executed")
    with task_runner(kind, workers) as chosen, chosen, context.model_copy(update={"task_runner": chosen}):
        yield


def _start_local(workers: int) -> None:
    """Start Ray on this machine; a start that comes to nothing is tried again.

    The raylet gives its agent 15 seconds to come up, a bound that cannot be set
    (https://github.com/ray-project/ray/issues/65983); a busy machine needs longer the first time.
    """
    import ray

    for attempt in Retrying(stop=stop_after_attempt(3), after=lambda _: ray.shutdown(), reraise=True):
        with attempt, _ends_within(START_SECONDS):
            ray.init(
                address="local",
                num_cpus=workers,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env=_OF_WORKERS,
                _system_config=_OF_RAY,
            )


@contextmanager
def _ends_within(seconds: float) -> Iterator[None]:
    """End this process with exit code 1, and say where it was, if the block takes longer.

    If one of Ray's first workers dies while Ray starts, Ray waits for it for ever: deaf to signals, and in a call
    that lets no other thread of Python run. What is stored is safe; whoever started the run starts it again.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or 2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
