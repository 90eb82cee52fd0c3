"""How long the task runs of the latest flow run were at work, as its Prefect server has it."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from tests.bench.orchestration import ask

_PAGE = 200
_PATIENCE = 120


def seconds_by_stage() -> dict[str, float]:
    """Seconds of all task runs of a stage together; those that found their manifest there do not count."""
    (flow_run,) = ask("/flow_runs/filter", {"limit": 1, "sort": "START_TIME_DESC"})
    found: dict[str, float] = defaultdict(float)
    for one in _ended(flow_run["id"]):
        if one["state"]["name"] != "Reused":
            found[one["name"].split()[0]] += one["total_run_time"]
    return found


def _ended(flow_run: str) -> list[dict[str, Any]]:
    """Its task runs, once the server shows all of them as ended: it learns of them by events, which may be late."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found: list[dict[str, Any]] = []
        while page := ask("/task_runs/filter", _wanted(flow_run, len(found))):
            found += page
        if all(one["state"]["type"] == "COMPLETED" for one in found) or time.monotonic() > deadline:
            return found
        time.sleep(1)


def _wanted(flow_run: str, offset: int) -> dict[str, Any]:
    only = {"flow_runs": {"id": {"any_": [flow_run]}}}
    return {**only, "limit": _PAGE, "offset": offset, "sort": "ID_DESC"}
