"""The governor of a Ray cluster: one detached actor that every worker of every run on the cluster asks.

The one module under `tasks/` that imports Ray, and only workers of a shared cluster import it. The actor keeps
nothing that is worth keeping: Ray restarts it when it dies, whoever finds none makes one, and a new one lets the
slices of the old one run out before it grants any (`tasks.models.governor.fresh`).
"""

from __future__ import annotations

import time
from typing import Any

import ray
from ray.exceptions import RayError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from tasks.errors import EndpointError
from tasks.models.governor import Grant, Limits, Report, State, fresh, govern

NAMESPACE = "deepmath-curation"
NAME = "governor-1"
"""The number goes up when reports or grants change, so that runs of different versions do not meet."""
_ANSWER_SECONDS = 10.0
_GIVE_UP_SECONDS = 60.0


class Keeper:
    """The states of all endpoints. One call at a time."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}

    def report(self, endpoint: str, limits: Limits, report: Report) -> Grant:
        """See `tasks.models.governors.Governor`."""
        now = time.monotonic()
        state = self._states.get(endpoint) or fresh(limits, now)
        self._states[endpoint], grant = govern(state, limits, report, now)
        return grant


class InCluster:
    """The governor of the cluster that this process is in."""

    def __init__(self) -> None:
        self._actor: Any = None

    def report(self, endpoint: str, limits: Limits, report: Report) -> Grant:
        """See `Governor`. Raises `EndpointError` if the cluster has no governor and cannot start one."""
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type((RayError, ValueError)), wait=wait_fixed(0.2),
                stop=stop_after_delay(_GIVE_UP_SECONDS), reraise=True,
            ):  # fmt: skip
                with attempt:
                    return self._report(endpoint, limits, report)
        except (RayError, ValueError) as fault:
            raise EndpointError(
                f"{endpoint}: its limits cannot be kept, for the cluster's governor does not answer ({fault}). "
                "Replies already paid are kept; look after the cluster and run again."
            ) from fault
        raise AssertionError("a retry ends by an answer or an error")

    def _report(self, endpoint: str, limits: Limits, report: Report) -> Grant:
        try:
            self._actor = self._actor or _actor()
            grant: Grant = ray.get(self._actor.report.remote(endpoint, limits, report), timeout=_ANSWER_SECONDS)
        except Exception:
            self._actor = None
            raise
        return grant


def _actor() -> Any:
    """The cluster's governor; made if there is none."""
    return (
        ray.remote(Keeper)
        .options(name=NAME, namespace=NAMESPACE, lifetime="detached", get_if_exists=True, num_cpus=0, max_restarts=-1)
        .remote()
    )
