"""One member of a 7z archive as a stream: it is unpacked while it is read, and never whole in memory or on disk."""

# ruff: noqa: ARG002 (py7zr says what its writers take)

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import IO

import py7zr
from py7zr.exceptions import ArchiveError
from py7zr.io import Py7zIO, WriterFactory

from tasks.errors import SourceError


class _Pipe(Py7zIO):
    """Where py7zr writes a member: the writing end of a pipe."""

    def __init__(self, end: IO[bytes]) -> None:
        self._end, self._size = end, 0

    def write(self, s: bytes | bytearray) -> int:
        self._size += len(s)
        self._end.write(s)
        return len(s)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def flush(self) -> None:
        self._end.flush()

    def size(self) -> int:
        return self._size


class _Into(WriterFactory):
    def __init__(self, end: IO[bytes]) -> None:
        self._end = end

    def create(self, filename: str) -> Py7zIO:
        return _Pipe(self._end)


@contextmanager
def member(file: IO[bytes], name: str, *, required: bool = True) -> Iterator[IO[bytes]]:
    """The member of an archive whose path ends in `name`; an empty stream if there is none and it is not `required`.

    Raises `SourceError` if there is none that is required, or it is damaged.
    """
    try:
        archive = py7zr.SevenZipFile(file)
    except (ArchiveError, OSError, EOFError, ValueError) as fault:
        raise SourceError(f"it is no 7z archive that can be read: {fault}") from fault
    with archive:
        found = next((one for one in archive.getnames() if one.rsplit("/", 1)[-1] == name), None)
        if found is None and not required:
            yield io.BytesIO()
            return
        if found is None:
            raise SourceError(f"the archive has no {name}, only {archive.getnames()[:8]}")
        faults: list[Exception] = []
        reading, writing = os.pipe()
        source, end = os.fdopen(reading, "rb"), os.fdopen(writing, "wb")
        unpacking = Thread(target=_unpack, args=(archive, found, end, faults), daemon=True)
        unpacking.start()
        try:
            yield source
            if source.read(1) == b"" and faults:
                raise SourceError(f"{name} of the archive is damaged: {faults[0]}") from faults[0]
        finally:
            source.close()  # what still unpacks meets a broken pipe, and ends
            unpacking.join()


def _unpack(archive: py7zr.SevenZipFile, name: str, end: IO[bytes], faults: list[Exception]) -> None:
    try:
        with end:
            archive.extract(targets=[name], factory=_Into(end))
    except Exception as fault:
        faults.append(fault)
