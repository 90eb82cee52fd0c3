"""One contract for every kind of storage root: a local disk, memory, and a real S3 server."""

import hashlib
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import s3fs

from tasks.errors import AlreadyExists, StorageError
from tasks.rows.storage import Storage

KINDS = ["local", "local_with_odd_name", "memory", pytest.param("s3", marks=pytest.mark.slow)]


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    roots: dict[str, Callable[[], str]] = {
        "local": lambda: str(tmp_path / "root"),
        "local_with_odd_name": lambda: f"file://{tmp_path}/a [b]*/",
        "memory": lambda: f"memory://{secrets.token_hex(6)}",
    }
    make = roots[request.param] if request.param in roots else request.getfixturevalue("s3_root")
    return Storage(make())


def test_what_is_created_is_read_back_whole(storage: Storage) -> None:
    storage.create("a/b/c.bin", b"\x00\xff" * 1000)
    storage.create("a/empty", b"")
    assert storage.read("a/b/c.bin") == b"\x00\xff" * 1000
    assert storage.read("a/empty") == b""
    assert storage.exists("a/b/c.bin")


def test_a_file_is_put_as_its_bytes_would_be(storage: Storage, tmp_path: Path) -> None:
    whole = secrets.token_bytes(1 << 20) * 9
    path, digest = tmp_path / "file", hashlib.sha256(whole).hexdigest()
    path.write_bytes(whole)
    storage.put_file("a/file", path, digest)
    assert storage.read("a/file") == whole
    assert storage.digest("a/file") == digest
    storage.put_file("a/file", path, digest)
    path.write_bytes(whole[:-1])
    with pytest.raises(StorageError, match="a/file exists with other bytes"):
        storage.put_file("a/file", path, hashlib.sha256(whole[:-1]).hexdigest())


def test_a_name_is_written_once(storage: Storage) -> None:
    storage.create("a/one", b"first")
    with pytest.raises(AlreadyExists, match="a/one"):
        storage.create("a/one", b"second")
    with pytest.raises(AlreadyExists):
        storage.create("a/one", b"first")
    assert storage.read("a/one") == b"first"


def test_of_sixteen_racing_writers_one_wins_and_its_bytes_stand(storage: Storage) -> None:
    for race in range(5):
        start, won, lost = threading.Barrier(16), [], []

        def write(mark: bytes, race: int = race, start: threading.Barrier = start, won=won, lost=lost) -> None:
            start.wait()
            try:
                storage.create(f"race/{race}", mark)
                won.append(mark)
            except AlreadyExists:
                lost.append(mark)

        threads = [threading.Thread(target=write, args=(f"writer {i}".encode() * 999,)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, 15)
        assert storage.read(f"race/{race}") == won[0]
    assert storage.list("race") == [f"race/{race}" for race in range(5)]


def test_put_accepts_equal_bytes_and_refuses_others(storage: Storage) -> None:
    storage.put("a/one", b"same")
    storage.put("a/one", b"same")
    with pytest.raises(StorageError, match="other bytes"):
        storage.put("a/one", b"other")
    assert storage.read("a/one") == b"same"


def test_an_absent_name_is_absent(storage: Storage) -> None:
    storage.create("there", b"1")
    assert not storage.exists("absent")
    with pytest.raises(StorageError, match="absent"):
        storage.read("absent")
    with pytest.raises(StorageError, match="absent"):
        storage.read_all(["there", "absent"])


def test_a_root_where_nothing_was_written_is_empty(storage: Storage) -> None:
    assert storage.list("") == []
    assert storage.list("stages/collect") == []
    assert storage.read_all([]) == {}
    assert not storage.exists("stages/collect/x.json")


def test_many_names_are_read_at_once_each_with_its_bytes(storage: Storage) -> None:
    written = {f"many/{i % 7}/{i:03d}": str(i).encode() * i for i in range(60)}
    for name, data in written.items():
        storage.create(name, data)
    assert storage.read_all(list(written)) == written
    assert storage.read_all(["many/1/001"]) == {"many/1/001": b"1"}


def test_listings_are_fresh_whole_sorted_and_end_at_the_folder(storage: Storage) -> None:
    storage.create("log/a/2", b"")
    assert storage.list("log") == ["log/a/2"]
    storage.create("log/a/1", b"")
    storage.create("log/b/deep/3", b"")
    storage.create("logs/other", b"")
    assert storage.list("log") == ["log/a/1", "log/a/2", "log/b/deep/3"]
    assert storage.list("log/a") == ["log/a/1", "log/a/2"]
    assert storage.list("") == ["log/a/1", "log/a/2", "log/b/deep/3", "logs/other"]


def test_a_second_view_of_a_root_sees_what_the_first_wrote(storage: Storage) -> None:
    second = Storage(storage.root)
    assert second.list("log") == []
    assert not second.exists("log/1")
    storage.create("log/1", b"x")
    assert second.exists("log/1")
    assert second.list("log") == ["log/1"]
    with pytest.raises(AlreadyExists):
        second.create("log/1", b"y")


def test_what_a_killed_writer_left_under_a_temporary_name_is_never_listed(storage: Storage) -> None:
    storage.create("log/.tmp-0123", b"half")
    storage.create("log/1", b"whole")
    assert storage.list("log") == ["log/1"]


def test_a_local_write_leaves_no_temporary_name_behind(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.create("a/one", b"1")
    with pytest.raises(AlreadyExists):
        storage.create("a/one", b"2")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["one"]


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """A folder that this process may read but not write. Root may write anywhere, so root steps down."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "closed").mkdir(mode=0o700)
        folder.chmod(0o555)
        stepped_down = os.geteuid() == 0
        if stepped_down:
            os.seteuid(65534)
        else:
            (folder / "closed").chmod(0)
        try:
            yield folder
        finally:
            if stepped_down:
                os.seteuid(0)
            folder.chmod(0o700)
            (folder / "closed").chmod(0o700)


def test_a_read_only_folder_is_a_storage_error_and_no_winner_elsewhere(unwritable: Path) -> None:
    storage = Storage(str(unwritable))
    for write in (storage.create, storage.put):
        with pytest.raises(StorageError, match="PermissionError") as caught:
            write("stages/one", b"1")
        assert not isinstance(caught.value, AlreadyExists)
    assert not storage.exists("stages/one")


def test_what_may_not_be_listed_is_an_error_and_never_an_empty_folder(unwritable: Path) -> None:
    storage = Storage(str(unwritable))
    with pytest.raises(StorageError, match="closed"):
        storage.list("closed")
    with pytest.raises(StorageError):
        storage.list("")
    with pytest.raises(StorageError):
        storage.exists("closed/one")


def test_a_root_inside_a_file_is_a_storage_error_and_not_an_existing_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    storage = Storage(str(tmp_path / "file"))
    with pytest.raises(StorageError) as caught:
        storage.create("one", b"1")
    assert not isinstance(caught.value, AlreadyExists)


def test_a_url_that_no_file_system_serves_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match="nosuch://bucket"):
        Storage("nosuch://bucket/root")


@pytest.mark.slow
def test_an_absent_bucket_is_a_storage_error(s3_root: Callable[[], str]) -> None:
    storage = Storage("s3://no-such-bucket/root")
    with pytest.raises(StorageError, match="no-such-bucket"):
        storage.create("one", b"1")
    with pytest.raises(StorageError, match="no-such-bucket"):
        storage.read("one")


@pytest.mark.slow
def test_wrong_credentials_are_a_storage_error_and_never_an_absence(
    s3_root: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = s3_root()
    Storage(root).create("log/one", b"1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        stranger = Storage(root)
        for ask in (stranger.exists, stranger.read, stranger.list, lambda name: stranger.create(name, b"2")):
            with pytest.raises(StorageError, match="Permission") as caught:
                ask("log/one")
            assert not isinstance(caught.value, AlreadyExists)
    finally:
        s3fs.S3FileSystem.clear_instance_cache()


def test_what_is_deleted_is_gone_and_can_be_made_again(storage: Storage) -> None:
    storage.create("a/one", b"first")
    storage.create("a/two", b"stays")
    storage.delete("a/one")
    storage.delete("a/one")
    assert not storage.exists("a/one")
    assert storage.list("a") == ["a/two"]
    storage.create("a/one", b"second")
    assert storage.read("a/one") == b"second"
