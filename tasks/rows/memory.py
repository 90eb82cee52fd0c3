"""What tables took of memory goes back to the system when they are let go."""

from __future__ import annotations

import pyarrow as pa


def give_back() -> None:
    """Give pages that hold nothing back. Call it when a pass over many rows has ended: the allocator keeps them else,
    for each thread its own, so that a process that makes many passes grows as if it held what it has read.
    """
    pa.default_memory_pool().release_unused()  # of the system's pool: malloc_trim, whoever took the memory
