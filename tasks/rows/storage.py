"""The storage root: create-only writes, whole reads and uncached listings on any fsspec URL.

Every name is written once, and few delete (see `delete`). On a local disk the bytes go to a temporary name, are
synced, then linked to the final name (linking fails if it exists); on S3 the put carries `If-None-Match: *`. So
a name that exists is whole, and of two writers exactly one wins, whoever crashes.

A fault is never an absence: what cannot be asked or listed raises, so that nobody buys again what is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO, Any
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tasks.errors import Absent, AlreadyExists, StorageError

S3_PATIENCE = {"connect_timeout": 5, "read_timeout": 15, "retries": {"mode": "standard", "total_max_attempts": 4}}
"""How long S3 may take, in seconds for one try. What still fails then is a `StorageError`: a server that answers
nothing at all holds a run up for two minutes, not for ever."""
_ROUNDS_OF_TRIES = 2
"""s3fs repeats what botocore has given up."""
_CHUNK = 8 << 20
_DELETED_AT_ONCE = 1000
"""What one request of S3 takes."""
_IN_MEMORY = Lock()
"""memory:// looks and writes in two steps; S3 and other remote file systems do it in one."""


class Storage:
    """Names relative to one root URL. Safe to use from threads."""

    def __init__(self, root: str) -> None:
        """Raises `StorageError` if no file system is installed for the URL."""
        self.root = root.rstrip("/")
        options: dict[str, Any] = {}
        if root.startswith(("s3:", "s3a:")):
            options = {"use_listings_cache": False, "config_kwargs": S3_PATIENCE}
        try:
            self._fs, base = fsspec.url_to_fs(root, **options)
        except (ValueError, ImportError) as fault:
            raise StorageError(f"{root} cannot be a storage root: {fault}") from fault
        self._is_s3 = hasattr(self._fs, "call_s3")
        if self._is_s3:
            self._fs.retries = _ROUNDS_OF_TRIES
        self.base = str(base).rstrip("/")
        self.is_local = isinstance(self._fs, LocalFileSystem)

    def create(self, name: str, data: bytes | IO[bytes]) -> None:
        """Write bytes, or what a file holds, as `name` once, durably.

        Raises `AlreadyExists` if it exists, `StorageError` on failure.

        A remote client that lost the answer to its put sends it again and may meet its own object: whoever
        must not take that for another writer's uses `put`.
        """
        with self._faults("write", name):
            if self.is_local:
                created = _create_local(Path(self._path(name)), data)
            elif self._is_s3:
                created = self._create_s3(name, data)
            else:
                created = self._create_other(name, data)
        if not created:
            raise AlreadyExists(f"{self.root}/{name} exists already, and is never rewritten")

    def put(self, name: str, data: bytes) -> None:
        """Create `name`, or accept that the very same bytes are there. Raises `StorageError` if others are."""
        try:
            self.create(name, data)
        except AlreadyExists:
            if self.read(name) != data:
                raise self._other_bytes(name) from None

    def put_file(self, name: str, path: Path, digest: str) -> None:
        """`put` of a local file (on S3 of at most 5 GB) whose bytes have this SHA-256; it is read in pieces."""
        with path.open("rb") as file:
            try:
                self.create(name, file)
            except AlreadyExists:
                if self.digest(name) != digest:
                    raise self._other_bytes(name) from None

    def digest(self, name: str) -> str:
        """The SHA-256 of the bytes of `name`, which are read in pieces. Raises as `read` does."""
        seen = hashlib.sha256()
        with self.opened(name) as file:
            while piece := file.read(_CHUNK):
                seen.update(piece)
        return seen.hexdigest()

    def read(self, name: str) -> bytes:
        """The bytes of `name`. Raises `Absent` if it is not there, `StorageError` if it is unreadable."""
        with self._faults("read", name):
            data: bytes = self._fs.cat_file(self._path(name))
        return data

    def read_all(self, names: list[str]) -> dict[str, bytes]:
        """The bytes of many names at once, concurrently where the storage can."""
        paths = [self._path(name) for name in names]
        with self._faults("read", "*"):
            found = self._fs.cat_ranges(paths, None, None, on_error="return") if paths else []
        for name, data in zip(names, found, strict=True):
            if not isinstance(data, bytes):
                raise self._fault("read", name, data)
        return dict(zip(names, found, strict=True))

    @contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """`name` for reading parts of it: what is not asked for is not fetched. Raises as `read` does."""
        with self._faults("read", name), self._fs.open(self._path(name), "rb", cache_type="none") as file:
            yield file

    def exists(self, name: str) -> bool:
        """Whether `name` is there, asked afresh. Raises `StorageError` if nobody can tell."""
        with self._faults("look for", name):
            try:
                self._fs.info(self._path(name))
            except FileNotFoundError:
                return False
        return True

    def delete(self, name: str) -> None:
        """Remove `name`; that it is absent already is no fault. Five may call this, and nobody else:

        - `tasks.ledger.compaction`, for segments that a durable compaction manifest replaces;
        - `tasks.ledger.gpu`, for a row of a lease when a newer one that says all of it and more is durable;
        - `tasks.ledger.board`, for signs of life that a newer one follows, and leases that are over;
        - `flows.rebuild`, for what it makes again from sources and stored replies: a run's stage outputs,
          manifests and data set. Replies and plans are never deleted;
        - `flows.report`, for pages that a newer one follows.
        """
        with self._faults("delete", name), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def delete_all(self, names: list[str]) -> None:
        """`delete` of many names, a thousand with one request where the storage can."""
        if not self._is_s3:
            for name in names:
                self.delete(name)
            return
        for start in range(0, len(names), _DELETED_AT_ONCE):
            paths = [self._path(name) for name in names[start : start + _DELETED_AT_ONCE]]
            with self._faults("delete", "*"), contextlib.suppress(FileNotFoundError):
                self._fs.rm(paths)

    def list(self, prefix: str) -> list[str]:
        """All names under the folder `prefix`, sorted; temporary names are left out.

        Raises `StorageError` if any of it cannot be listed; a folder that is absent is empty.
        """
        base = self._path(prefix)
        with self._faults("list", prefix):
            found = _list_local(base) if self.is_local else self._fs.find(base)
        # some S3 servers keep a folder, as a name, when the last object in it is deleted
        found = [path for path in found if path.startswith(f"{base}/") and not path.endswith("/")]
        names = (path.removeprefix(self.base).lstrip("/") for path in found)
        return sorted(name for name in names if not name.rsplit("/", 1)[-1].startswith(".tmp-"))

    def _other_bytes(self, name: str) -> StorageError:
        return StorageError(
            f"{self.root}/{name} exists with other bytes: the same inputs gave another result. "
            "Keep both files and report it; delete the older one to go on."
        )

    def _path(self, name: str) -> str:
        return f"{self.base}/{name}" if name else self.base

    def _fault(self, verb: str, name: str, fault: BaseException) -> StorageError:
        why = f"{type(fault).__name__}: {fault}"
        kind = Absent if isinstance(fault, FileNotFoundError) else StorageError
        return kind(
            f"cannot {verb} {self.root}/{name}: {why}. Check the root's address, rights and space, then run again."
        )

    @contextmanager
    def _faults(self, verb: str, name: str) -> Iterator[None]:
        """Whatever a file system raises (each has errors of its own) is a `StorageError` here."""
        try:
            yield
        except Exception as fault:
            raise self._fault(verb, name, fault) from fault

    def _create_s3(self, name: str, data: bytes | IO[bytes]) -> bool:
        bucket, key, _ = self._fs.split_path(self._path(name))
        try:
            self._fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
        except OSError as fault:
            answer = getattr(fault.__cause__, "response", {})
            if answer.get("Error", {}).get("Code") == "PreconditionFailed":
                return False
            raise
        return True

    def _create_other(self, name: str, data: bytes | IO[bytes]) -> bool:
        try:
            with _IN_MEMORY:
                whole = data if isinstance(data, bytes) else data.read()
                self._fs.pipe_file(self._path(name), whole, mode="create")
        except FileExistsError:
            return False
        return True


def _create_local(path: Path, data: bytes | IO[bytes]) -> bool:
    _make_folder(path.parent)
    temporary = path.parent / f".tmp-{uuid4().hex}"
    try:
        with temporary.open("xb") as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                shutil.copyfileobj(data, file, _CHUNK)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def _make_folder(folder: Path) -> None:
    """Like mkdir -p, and each new folder's name is durable before anything is written into it."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _list_local(base: str) -> list[str]:
    def fail(fault: OSError) -> None:
        if not isinstance(fault, FileNotFoundError):
            raise fault

    return [str(Path(folder) / name) for folder, _, names in os.walk(base, onerror=fail) for name in names]
