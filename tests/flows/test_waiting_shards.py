"""Shards that wait for batches wait together, however few CPUs Ray has."""

import time
from pathlib import Path

import pytest
from prefect import flow, task

from flows import services
from flows.runner import Runner, mostly_waiting, task_runner
from tasks.models.endpoint import Endpoint
from tasks.world import Where

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@task
def meet(folder: Path, name: str, other: str) -> str:
    """Say that it is here and wait until the other one is, too: by turns they would wait for ever."""
    (folder / name).touch()
    deadline = time.monotonic() + 300
    while not (folder / other).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{other} did not come while {name} waited")
        time.sleep(0.1)
    return name


@flow
def both(folder: Path) -> list[str]:
    with mostly_waiting():
        waiting = [meet.submit(folder, "one", "other"), meet.submit(folder, "other", "one")]
    return [one.result() for one in waiting]


def test_two_that_wait_for_each_other_meet_on_a_ray_of_one_cpu(
    tmp_path: Path, prefect: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**services.QUIET, "PYTHONPATH": ""}.items():  # what starting them sets is unset after it
        monkeypatch.setenv(name, value)
    with task_runner(Runner.RAY, 1) as runner:
        assert both.with_options(task_runner=runner)(tmp_path) == ["one", "other"]


def test_only_a_stage_that_buys_in_batches_waits() -> None:
    online = Endpoint(address="http://127.0.0.1:1/v1", concurrency=1)
    endpoints = {"online": online, "batch": online.model_copy(update={"lane": "batch"})}
    where = Where(root="r", run="r", endpoints=endpoints, routes={"judge": "batch", "rater": "online"})
    assert where.asks_in_batches(["judge", "rater"])
    assert not where.asks_in_batches(["rater"])
    assert not where.asks_in_batches([])
    assert not where.model_copy(update={"buys": False}).asks_in_batches(["judge"])
