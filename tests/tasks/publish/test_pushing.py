"""Pushing a data set: what is there is not sent again, what broke off goes on, the card comes last."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tasks import world
from tasks.errors import StorageError
from tasks.publish.pushing import Folder, HubRepository, planned, push
from tasks.rows.storage import Storage
from tests.tasks.publish.hub_server import Hub, hub

FILES = {
    "README.md": b"---\nlicense: mit\n---\n# x\n",
    "croissant.json": b"{}",
    "deepmath/train-00000-of-00001.parquet": b"PAR1" + b"d" * 50_000,
    "rl/train-00000-of-00001.parquet": b"PAR1" + b"r" * 90_000,
    "sft/train-00000-of-00001.parquet": b"PAR1" + b"s" * 70_000,
}
LARGE = [name for name in FILES if name.endswith(".parquet")]
FOLDER = "datasets/x-1"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(str(tmp_path / "root"))
    for name, data in FILES.items():
        made.put(f"{FOLDER}/{name}", data)
    return made


@pytest.fixture
def server() -> Iterator[Hub]:
    with hub() as one:
        yield one


def repository(server: Hub, token: str | None = None) -> HubRepository:
    api = HfApi(endpoint=server.address, token=token or server.token)
    return HubRepository(api, "me/x", private=True)


def states(storage: Storage, target: Folder | HubRepository) -> dict[str, str]:
    return {one.name: one.state for one in planned(storage, FOLDER, {}, target)}


def test_a_repository_is_made_filled_and_found_again(storage: Storage, server: Hub) -> None:
    target = repository(server)
    parcels = planned(storage, FOLDER, {}, target)
    assert [one.name for one in parcels][-1] == "README.md"
    assert {one.state for one in parcels} == {"new"}
    assert not server.repositories, "looking sends nothing"
    push(storage, FOLDER, parcels, target)
    assert server.repositories == {"me/x": FILES}
    assert server.private == {"me/x": True}
    assert server.commits == ["x-1: 5 files"]
    assert set(states(storage, repository(server)).values()) == {"same"}
    push(storage, FOLDER, planned(storage, FOLDER, {}, repository(server)), repository(server))
    assert len(server.commits) == 1


def test_what_broke_off_goes_on_and_sends_no_large_file_twice(storage: Storage, server: Hub) -> None:
    server.fails_after = 2
    target = repository(server)
    with pytest.raises(StorageError, match="push again"):
        push(storage, FOLDER, planned(storage, FOLDER, {}, target), target)
    assert server.repositories == {"me/x": {}}, "nothing is visible before the commit"
    assert len(server.uploads) == 2
    server.fails_after = None
    target = repository(server)
    push(storage, FOLDER, planned(storage, FOLDER, {}, target), target)
    assert server.repositories == {"me/x": FILES}
    assert sorted(server.uploads) == sorted(hashlib.sha256(FILES[name]).hexdigest() for name in LARGE)


def test_a_file_that_differs_is_told_and_replaced(storage: Storage, server: Hub) -> None:
    server.repositories["me/x"] = {**FILES, "README.md": b"old", "rl/train-00000-of-00001.parquet": b"old"}
    server.large = {("me/x", name) for name in LARGE}
    found = states(storage, repository(server))
    assert [name for name, state in found.items() if state == "differs"] == [
        "rl/train-00000-of-00001.parquet", "README.md",
    ]  # fmt: skip
    target = repository(server)
    push(storage, FOLDER, planned(storage, FOLDER, {}, target), target)
    assert server.repositories == {"me/x": FILES}
    assert server.commits == ["x-1: 2 files"]


def test_without_the_right_token_nothing_is_sent_and_the_token_is_not_told(storage: Storage, server: Hub) -> None:
    target = repository(server, token="hf_wrong")  # noqa: S106 - of a test
    with pytest.raises(StorageError, match="HF_TOKEN") as told:
        push(storage, FOLDER, planned(storage, FOLDER, {}, target), target)
    assert "hf_wrong" not in str(told.value)
    assert not server.repositories


def test_a_file_that_was_changed_after_publishing_is_not_pushed(storage: Storage, tmp_path: Path) -> None:
    known = {"README.md": hashlib.sha256(b"as published").hexdigest()}
    with pytest.raises(StorageError, match=r"README\.md is not what was published"):
        planned(storage, FOLDER, known, Folder(*world.files_at(str(tmp_path / "there"))))


def to_folder(storage: Storage, url: str) -> None:
    target = Folder(*world.files_at(url))
    first = planned(storage, FOLDER, {}, target)
    assert {one.state for one in first} == {"new"}
    push(storage, FOLDER, first[:2], target)  # the rest did not get through
    assert sorted(states(storage, target).values()) == ["new"] * 3 + ["same"] * 2
    push(storage, FOLDER, planned(storage, FOLDER, {}, target), target)
    there = Storage(url)
    assert {name: there.read(name) for name in there.list("")} == FILES


def test_a_folder_on_disk(storage: Storage, tmp_path: Path) -> None:
    to_folder(storage, str(tmp_path / "there"))


@pytest.mark.slow
def test_a_bucket(storage: Storage, s3_root: Callable[[], str]) -> None:
    to_folder(storage, s3_root())
