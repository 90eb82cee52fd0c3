"""The storage root: create-only writes, whole reads and uncached listings on any fsspec URL.

Every name is written once. On a local disk the bytes go to a temporary name, are synced, then linked to the
final name (linking fails if it exists); on S3 the put carries `If-None-Match: *`. So a name that exists is
whole, and of two writers exactly one wins, whoever crashes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tasks.errors import AlreadyExists, StorageError


class Storage:
    """Names relative to one root URL. Safe to use from threads."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        options: dict[str, Any] = {"use_listings_cache": False} if root.startswith(("s3:", "s3a:")) else {}
        self._fs, self.base = fsspec.url_to_fs(self.root, **options)
        self.is_local = isinstance(self._fs, LocalFileSystem)

    def create(self, name: str, data: bytes) -> None:
        """Write `name` once, durably. Raises `AlreadyExists` if it exists, `StorageError` on failure."""
        try:
            if self.is_local:
                _create_local(Path(self.base) / name, data)
            elif hasattr(self._fs, "call_s3"):
                self._create_s3(name, data)
            else:
                self._fs.pipe_file(self._path(name), data, mode="create")
        except FileExistsError as fault:
            raise AlreadyExists(f"{self.root}/{name} exists already") from fault
        except OSError as fault:
            raise StorageError(f"cannot write {self.root}/{name}: {fault}") from fault

    def put(self, name: str, data: bytes) -> None:
        """Create `name`, or accept that the very same bytes are there. Raises `StorageError` if others are."""
        try:
            self.create(name, data)
        except AlreadyExists:
            if self.read(name) != data:
                raise StorageError(
                    f"{self.root}/{name} exists with other bytes: the same inputs gave another result. "
                    "Keep both files and report it; delete the older one to go on."
                ) from None

    def read(self, name: str) -> bytes:
        """The bytes of `name`. Raises `StorageError` if it is absent or unreadable."""
        try:
            data: bytes = self._fs.cat_file(self._path(name))
        except OSError as fault:
            raise StorageError(f"cannot read {self.root}/{name}: {fault}") from fault
        return data

    def read_all(self, names: list[str]) -> dict[str, bytes]:
        """The bytes of many names at once, concurrently where the storage can."""
        if not names:
            return {}
        try:
            found = self._fs.cat([self._path(name) for name in names])
        except OSError as fault:
            raise StorageError(f"cannot read from {self.root}: {fault}") from fault
        return {name: found[self._path(name)] for name in names}

    def exists(self, name: str) -> bool:
        """Whether `name` is there, asked afresh."""
        return bool(self._fs.exists(self._path(name)))

    def list(self, prefix: str) -> list[str]:
        """All names under the folder `prefix`, sorted; temporary names are left out."""
        base = self._path(prefix)
        try:
            found = self._fs.find(base)
        except FileNotFoundError:
            return []
        except OSError as fault:
            raise StorageError(f"cannot list {self.root}/{prefix}: {fault}") from fault
        cut = len(self._path("")) if self.base else 0
        names = (path[cut:].lstrip("/") for path in found)
        return sorted(name for name in names if not name.rsplit("/", 1)[-1].startswith(".tmp-"))

    def _path(self, name: str) -> str:
        return f"{self.base}/{name}" if name else self.base

    def _create_s3(self, name: str, data: bytes) -> None:
        bucket, key, _ = self._fs.split_path(self._path(name))
        try:
            self._fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
        except OSError as fault:
            if "PreconditionFailed" in repr(fault.__cause__ or fault) or "pre-condition" in str(fault).lower():
                raise FileExistsError(name) from fault
            raise


def _create_local(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".tmp-{uuid4().hex}"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
