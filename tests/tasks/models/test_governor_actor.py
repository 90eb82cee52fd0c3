"""The governor of a Ray cluster is killed while two runs ask: they go on, and the rate stays right."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from tasks.models.governor_actor import NAME, NAMESPACE
from tests.tasks.models.test_governed_rate import ROOT, Arrivals, ask, most_in_ten_seconds, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def cluster() -> Iterator[str]:
    """A Ray that was there before those who use it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        found = ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            yield str(found.address_info["gcs_address"])
        finally:
            ray.shutdown()


def kill_the_governor() -> None:
    """SIGKILL its process, as the out-of-memory killer would."""
    actor = ray.get_actor(NAME, NAMESPACE)
    os.kill(ray.get(actor.__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)


async def test_a_killed_governor_is_followed_by_one_that_keeps_the_rate(cluster: str, tmp_path: Path) -> None:
    arrivals = Arrivals()
    async with serving(arrivals) as address:
        said = {"root": str(tmp_path / "root"), "ray": cluster, "address": address}
        runs = [await ask({**said, "name": name, "requests": 80}) for name in ("one", "two")]
        while len(arrivals.times) < 50:
            assert all(run.returncode is None for run in runs)
            await asyncio.sleep(0.1)
        await asyncio.to_thread(kill_the_governor)
        for run in runs:
            _, errors = await run.communicate()
            assert run.returncode == 0, errors.decode()[-2000:]
    assert len(arrivals.times) == 160
    assert most_in_ten_seconds(arrivals.times) <= 105
    gaps = [after - before for before, after in zip(arrivals.times, arrivals.times[1:], strict=False)]
    assert max(gaps[40:]) < 10
