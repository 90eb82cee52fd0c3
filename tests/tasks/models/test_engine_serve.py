"""An engine as a Ray Serve application, on a real Ray: only the model is none."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tasks.ledger.gpu import leases
from tasks.ledger.gpu_lease import Lease
from tasks.models import engine_identity
from tasks.models.engine import Engine, Serving
from tasks.models.request import Model
from tasks.rows.storage import Storage
from tests.tasks.models.test_engine_watch import CARDS, members

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an engine whose vLLM is the stand-in."""
    import ray

    from tasks.models.engine_serve import serving

    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("standin_engine.py")}" "$@"\n')
    script.chmod(0o755)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    how = Serving(
        model_path=str(folder), cards=CARDS, python=str(script), max_model_len=64, idle_seconds=4, drain_seconds=5
    )
    engine = Engine(model=Model(name="m", revision=engine_identity.revision(folder)), serving=how)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        with serving({"e": engine}, str(tmp_path / "root"), "run-1") as addresses:
            yield addresses["e"]
    finally:
        ray.shutdown()


async def ask(address: str, texts: list[str]) -> list[int]:
    """Ask at once; what a dying replica drops is asked again, as the asker does."""

    async def one(http: aiohttp.ClientSession, text: str) -> int:
        while True:
            try:
                async with http.post(f"{address}/chat/completions", data=json.dumps({"text": text})) as answer:
                    await answer.read()
                    if answer.status < 500:
                        return answer.status
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.5)

    async with aiohttp.ClientSession() as http:
        return list(await asyncio.gather(*(one(http, text) for text in texts)))


def until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_it_starts_at_need_survives_its_keeper_stops_when_idle_and_leaves_nothing(
    served: str, tmp_path: Path
) -> None:
    storage = Storage(str(tmp_path / "root"))

    def lives() -> list[Lease]:
        return leases(storage)

    assert lives() == []  # nothing is started before the first request
    assert asyncio.run(ask(served, [f"question {i}" for i in range(4)])) == [200] * 4
    (engine,) = _standins()
    group = os.getpgid(engine)
    keeper = _parent(group)
    os.kill(keeper, signal.SIGKILL)
    until(lambda: not members(group))  # the engine does not outlive its keeper
    assert asyncio.run(ask(served, ["again"])) == [200]
    assert len(lives()) == 2
    until(lambda: lives()[-1].ended_ms is not None)  # idle
    assert (lives()[-1].died, lives()[-1].why) == (False, "stopped")
    assert not _standins()
    assert asyncio.run(ask(served, ["once more"])) == [200]
    assert len(lives()) == 3


def _standins() -> list[int]:
    """Processes of the stand-in under this test's Ray."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.endswith(b"standin_engine.py") for word in words[:2]):
            found.append(int(folder.name))
    return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
