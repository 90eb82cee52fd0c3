"""Collect as a task, on real files: growing sources make new intakes, changed ones start anew."""

import gzip
import json
import random
import resource
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks import world
from tasks.collect.source import Source
from tasks.collect.task import again, collect, fingerprint, remade
from tasks.errors import SourceError, StorageError
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.world import Where

A, B, C = ({"question": f"What is ${n}+{n}$?", "answer": str(2 * n)} for n in (1, 2, 3))
AGAIN = {"question": "what is $1 + 1$"}
Collect = Callable[..., list[Manifest]]


@pytest.fixture
def collected(tmp_path: Path) -> Collect:
    """Write the rows as a source and collect it."""

    def run(*rows: Any, name: str = "posts.jsonl", tail: bytes = b"") -> list[Manifest]:
        path = tmp_path / name
        path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows) + tail)
        return collect.fn([Source(name="forum", path=str(path))], Where(root=str(tmp_path / "root"), run="r"))

    return run


def questions(tmp_path: Path, manifest: Manifest) -> list[str]:
    return sorted(manifests.read(world.storage(str(tmp_path / "root")), manifest, "problems")["question"])


def test_every_row_is_accounted_for(collected: Collect) -> None:
    (intake,) = collected(A, B, AGAIN, {"question": " "}, {"no": "question"}, A, tail=b"{ broken\n\n")
    assert (intake.rows_in, intake.kept) == (7, 2)
    assert intake.dropped == {"duplicate_exact": 2, "empty": 1}
    assert intake.quarantined == {"unreadable": 2}


def test_collecting_again_changes_nothing(collected: Collect, tmp_path: Path) -> None:
    first = collected(A, B)
    names = world.storage(str(tmp_path / "root")).list("")
    assert collected(A, B) == first
    assert world.storage(str(tmp_path / "root")).list("") == names


def test_a_grown_source_makes_a_second_intake_of_the_new_rows_only(collected: Collect, tmp_path: Path) -> None:
    (first,) = collected(A, B)
    again, second = collected(A, B, C, AGAIN, A)
    assert again == first
    assert second.upstream == first.digest
    assert questions(tmp_path, second) == [C["question"]]
    assert (second.rows_in, second.kept, second.dropped) == (3, 1, {"duplicate_exact": 2})


def test_three_growths_are_three_intakes_oldest_first(collected: Collect) -> None:
    collected(A)
    collected(A, B)
    chain = collected(A, B, C)
    assert [intake.rows_in for intake in chain] == [1, 1, 1]
    assert [intake.upstream for intake in chain[1:]] == [intake.digest for intake in chain[:-1]]


def test_re_ordering_renaming_and_blank_lines_change_nothing(collected: Collect) -> None:
    first = collected(A, B, C)
    assert collected(C, A, B, name="renamed.jsonl", tail=b"\n \n") == first


def test_a_changed_or_vanished_row_starts_anew(collected: Collect, tmp_path: Path) -> None:
    (first,) = collected(A, B)
    changed = {**B, "answer": "5"}
    (anew,) = collected(A, changed)
    assert anew.upstream == first.upstream
    assert anew.digest != first.digest
    assert questions(tmp_path, anew) == questions(tmp_path, first)
    (shorter,) = collected(A)
    assert questions(tmp_path, shorter) == [A["question"]]


def test_a_row_that_comes_back_finds_its_old_intake(collected: Collect) -> None:
    first = collected(A, B)
    collected(A)
    assert collected(A, B) == first


def test_the_same_rows_in_another_root_are_the_same_intake(collected: Collect, tmp_path: Path) -> None:
    (first,) = collected(A, B)
    source = Source(name="forum", path=str(tmp_path / "posts.jsonl"))
    (other,) = collect.fn([source], Where(root=str(tmp_path / "other root"), run="another run"))
    assert other == first


def test_two_sources_are_one_pool_in_which_the_answered_copy_stays(tmp_path: Path) -> None:
    for name, row in {"forum": {"question": A["question"]}, "book": A}.items():
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row))
    sources = [Source(name=name, path=str(tmp_path / f"{name}.jsonl")) for name in ("forum", "book")]
    where = Where(root=str(tmp_path / "root"), run="r")
    (intake,) = collect.fn(sources, where)
    kept = manifests.read(world.storage(where.root), intake, "problems")
    assert kept["source"].to_list() == ["book"]
    assert intake.dropped == {"duplicate_exact": 1}


def test_a_compressed_source_is_read(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(A).encode()))
    (intake,) = collect.fn([Source(name="forum", path=str(path))], Where(root=str(tmp_path / "root"), run="r"))
    assert intake.kept == 1


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("absent.jsonl", None, "no such file"),
        ("empty.jsonl", b"", "is empty"),
        ("blank.jsonl", b"\n\n", "is empty"),
        ("faults.jsonl", b'{"q": 1}\n[]\n', r"First fault: faults.jsonl:1: no text in field 'question'"),
        ("cut.jsonl.gz", gzip.compress(json.dumps(A).encode() * 99, mtime=0)[:-20], "cannot be read"),
        ("not.jsonl.gz", b"no gzip", "cannot be read"),
    ],
)
def test_a_source_of_which_nothing_can_be_read_stops_before_anything_is_written(
    tmp_path: Path, name: str, data: bytes | None, fault: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=fault):
        collect.fn([Source(name="forum", path=str(tmp_path / name))], Where(root=str(tmp_path / "root"), run="r"))
    assert world.storage(str(tmp_path / "root")).list("") == []


def test_the_pool_is_what_sources_are_called_and_how_they_are_read() -> None:
    one = Source(name="a", path="x.jsonl")
    assert fingerprint([one]) == fingerprint([one.model_copy(update={"path": "y.jsonl"})])
    assert fingerprint([one]) != fingerprint([one.model_copy(update={"name": "b"})])
    assert fingerprint([one]) != fingerprint([one, one.model_copy(update={"name": "b"})])


def test_deleted_intakes_come_back_as_they_were(collected: Collect, tmp_path: Path) -> None:
    collected(A, B)
    chain = collected(A, B, C, AGAIN, A)
    where, sources = (
        Where(root=str(tmp_path / "root"), run="r"),
        [Source(name="forum", path=f"{tmp_path}/posts.jsonl")],
    )
    storage = world.storage(where.root)
    before = storage.read_all(storage.list(""))
    made = remade(chain, sources, where, tmp_path / "made")
    for name in before:
        storage.delete(name)
    assert again(made, sources, where) == chain
    assert storage.read_all(storage.list("")) == before


def test_a_disk_without_room_is_told_of(collected: Collect, tmp_path: Path) -> None:
    texts = [{"question": "".join(random.choices(string.printable, k=99_999))} for _ in range(3)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    rows = "".join(json.dumps(text) + "\n" for text in texts)
    (tmp_path / "posts.jsonl").write_text(rows)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
        with pytest.raises(StorageError, match="set TMPDIR to a folder with more room"):
            collect.fn(
                [Source(name="forum", path=f"{tmp_path}/posts.jsonl")], Where(root=f"{tmp_path}/root", run="r")
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert collected(*texts)[-1].rows_in == 3


@pytest.mark.parametrize("now", [[A], [B, A, AGAIN], [A, AGAIN, {**B, "answer": "5"}]])
def test_an_intake_that_the_sources_no_longer_give_is_told_of(collected: Collect, tmp_path: Path, now: Any) -> None:
    (intake,) = collected(AGAIN, A, B)
    collected(*now)
    with pytest.raises(SourceError, match="no longer give"):
        remade(
            [intake],
            [Source(name="forum", path=f"{tmp_path}/posts.jsonl")],
            Where(root=f"{tmp_path}/root", run="r"),
            tmp_path / "made",
        )
