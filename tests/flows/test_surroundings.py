"""Runs whose surroundings fail: a full disk, a read-only root, an unruly S3 server.

Each run fails in words, buys nothing that it cannot keep, and finishes with the same bytes once all is well.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect.task_runners import ThreadPoolTaskRunner

from flows.curate import ShardsFailed, curate
from flows.recipe import Recipe
from flows.services import rehearsal
from tasks.errors import CurationError, StorageError
from tasks.rows import storage as storages
from tests.flows.unruly_s3 import UnrulyS3, unruly
from tests.kill import recipe as small
from tests.kill.witness import Outcome, outcome, violations

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROWS = 10


class Bench:
    """Rehearsal models with a journal of their own, and a recipe that asks them."""

    def __init__(self, folder: Path, address: str) -> None:
        self.journal = folder / "journal.jsonl"
        self.path = small.write(folder, address, ROWS)

    def run(self, root: str) -> None:
        import yaml

        recipe = Recipe.model_validate(yaml.safe_load(self.path.read_text(encoding="utf-8")))
        curate.with_options(task_runner=ThreadPoolTaskRunner(max_workers=2))(recipe, root)

    def served(self) -> int:
        return self.journal.read_bytes().count(b"\n") if self.journal.exists() else 0

    def fails(self, root: str, words: str) -> None:
        """The run ends in an error that a person can read, whether a shard met it or the flow itself."""
        with pytest.raises((StorageError, ShardsFailed), match=words) as caught:
            self.run(root)
        assert isinstance(caught.value, CurationError)
        if isinstance(caught.value, ShardsFailed):
            shards = [one.shard for one in caught.value.failures]
            assert f"{len(set(shards))} shard(s) failed" in str(caught.value)

    def finishes_as(self, root: str, undisturbed: Outcome, lost: int) -> None:
        self.run(root)
        assert violations(outcome(root, self.journal), undisturbed, lost) == []


@contextmanager
def bench_in(folder: Path) -> Iterator[Bench]:
    folder.mkdir(exist_ok=True)
    with rehearsal(folder / "journal.jsonl") as address:
        yield Bench(folder, address)


@pytest.fixture(scope="module", autouse=True)
def prefect(shared_prefect: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    with shared_prefect():
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("undisturbed")
    with bench_in(folder) as bench:
        bench.run(str(folder / "root"))
        return outcome(str(folder / "root"), bench.journal)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A small disk of its own, mounted with given options; called again it is mounted anew with others."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk; run the tests as root for this one")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", place], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")

    def again(options: str) -> Path:
        subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)
        return place

    try:
        yield again
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk(bench: Bench, disk: Callable[[str], Path], undisturbed: Outcome) -> None:
    root = disk("size=300k") / "root"
    bench.fails(str(root), "No space left on device.*space, then run again")
    served = bench.served()
    assert 0 < served < undisturbed.served.total()
    disk("size=64m")
    bench.finishes_as(str(root), undisturbed, small.AT_ONCE)


def test_a_read_only_root(bench: Bench, disk: Callable[[str], Path], undisturbed: Outcome) -> None:
    root = disk("ro") / "root"
    bench.fails(str(root), "Read-only file system.*rights")
    assert bench.served() == 0
    disk("rw")
    bench.finishes_as(str(root), undisturbed, 0)


@pytest.fixture
def s3(s3_root: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[UnrulyS3, str]]:
    """A root on a real S3 server, behind a proxy that can be unruly; the client waits a second for an answer."""
    with unruly(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        # the port makes the settings, and so the client that fsspec keeps, this test's own
        tries = {"mode": "standard", "total_max_attempts": 2}
        hasty = {"connect_timeout": 1, "read_timeout": 1, "retries": tries, "user_agent_extra": proxy.address[-5:]}
        monkeypatch.setattr(storages, "S3_PATIENCE", hasty)
        yield proxy, s3_root()


@pytest.mark.parametrize(
    ("mood", "words"), [("503", "Service Unavailable|reduce your request rate"), ("hang", "Read timeout")]
)
def test_an_unruly_s3_server(
    bench: Bench, s3: tuple[UnrulyS3, str], undisturbed: Outcome, mood: Any, words: str
) -> None:
    proxy, root = s3
    proxy.mood, proxy.after = mood, 12
    began = time.monotonic()
    bench.fails(root, words)
    assert proxy.refused > 0
    assert bench.served() < undisturbed.served.total()
    assert time.monotonic() - began < 240  # it gives up: without bounds it would wait for ever
    proxy.mood = "well"
    bench.finishes_as(root, undisturbed, small.AT_ONCE)
