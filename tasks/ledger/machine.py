"""What one user's processes share on a machine, beside the storage: a private folder, and turns."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from tasks.errors import StorageError
from tasks.rows.fingerprint import digest

_LOOK_SECONDS = 0.01


def private_folder() -> Path:
    """This user's folder in the machine's temporary files. Raises `StorageError` if others may write into it."""
    folder = Path(tempfile.gettempdir()) / f"deepmath-curation-{os.getuid()}"
    return checked(folder)


def checked(folder: Path) -> Path:
    """A folder, made if need be, that is this user's alone. Raises `StorageError` if it is not."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as fault:
        raise StorageError(f"{folder} cannot be made: {fault}; set TMPDIR to a private folder") from fault
    if found.st_uid != os.getuid() or found.st_mode & 0o022 or folder.is_symlink():
        raise StorageError(f"{folder} is not this user's alone; remove it, or set TMPDIR to a private folder")
    return folder


@asynccontextmanager
async def turn(what: str, seconds: float) -> AsyncIterator[None]:
    """Processes and threads of this machine that do the same do it one at a time, or after so many seconds anyway.

    This spares them from getting in each other's way; nothing may rest on it. A turn ends with its process. Raises
    `StorageError`.
    """
    with (private_folder() / f"{digest(what)[:32]}.turn").open("ab") as file:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if _is_mine(file):
                break
            await asyncio.sleep(random.uniform(0, 2 * _LOOK_SECONDS))
        yield


def _is_mine(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
