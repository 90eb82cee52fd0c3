"""Comparisons in killable worker processes, usable from any thread, from asyncio and inside a Ray worker.

Processes are spawned, not forked, so the caller may hold threads and locks; no signal is used in the caller.
A worker that dies is replaced and the next pair is served; the pair it died of is undecided.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import cache
from multiprocessing.util import Finalize
from threading import Lock
from types import TracebackType
from typing import Self

from pebble import ProcessExpired, ProcessPool

from tasks.errors import CurationError
from tasks.verify import worker
from tasks.verify.outcome import Comparison, Pair, undecided
from tasks.verify.rules import quick

CPU_SECONDS = 5
MEMORY_BYTES = 1 << 30
_START_SECONDS = 120  # a worker that has not imported sympy by then never will
_WALL = 12  # wall time allowed for each second of CPU time: only a worker that is stuck or starved exceeds it


@cache
def shared(cpu_seconds: int, memory_bytes: int) -> Verifier:
    """One verifier for all shards of this process, closed when it ends: its worker takes seconds to start.

    `atexit` would not do: a process that `multiprocessing` started, as Prefect starts runs, calls none of its
    functions, and waits for its own children, so it would wait for ever.
    """
    made = Verifier(cpu_seconds=cpu_seconds, memory_bytes=memory_bytes)
    Finalize(None, made.__exit__, args=(None, None, None), exitpriority=0)
    return made


class Verifier:
    """A context manager that compares pairs of answers, the hard ones in `workers` processes of its own.

    `cpu_seconds` and `memory_bytes` bound one pair; both bear on verdicts. Workers start with the first pair
    that exact rules do not decide. Threads may share one verifier.
    """

    def __init__(self, *, workers: int = 1, cpu_seconds: int = CPU_SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._workers = workers
        self._cpu_seconds = cpu_seconds
        self._memory_bytes = memory_bytes
        self._pool: ProcessPool | None = None
        self._starting = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._starting:
            if self._pool is not None:
                self._pool.stop()  # type: ignore[no-untyped-call]
                self._pool.join()
                self._pool = None

    def compare_all(self, pairs: Sequence[Pair]) -> list[Comparison]:
        """One comparison per pair, in their order. Blocks; call it in a thread from asyncio.

        Raises `CurationError` when no worker can be started.
        """
        ordered = [(*sorted(pair[:2]), *pair[2:]) for pair in pairs]
        results = [quick(*pair) for pair in ordered]
        hard = [index for index, result in enumerate(results) if result is None]
        waiting = {index: self._submit(*ordered[index]) for index in hard}
        return [result or self._result(waiting[index]) for index, result in enumerate(results)]

    def _submit(self, left: str, right: str, kind: str | None = None) -> Future[Comparison]:
        pool = self._started()
        return pool.schedule(
            worker.run, args=(left, right, kind, self._cpu_seconds), timeout=_WALL * self._cpu_seconds
        )

    def _result(self, future: Future[Comparison]) -> Comparison:
        try:
            return future.result()
        except FutureTimeout:
            return undecided("time")
        except ProcessExpired:  # the kernel stopped it: CPU time, or memory inside C code
            return undecided("time or memory")

    def _started(self) -> ProcessPool:
        with self._starting:
            if self._pool is None:
                self._pool = self._start()
            return self._pool

    def _start(self) -> ProcessPool:
        pool = ProcessPool(
            max_workers=self._workers,
            initializer=worker.start,
            initargs=(self._memory_bytes,),
            context=multiprocessing.get_context("spawn"),
        )
        try:
            pool.schedule(worker.ready).result(timeout=_START_SECONDS)
        except (FutureTimeout, ProcessExpired, RuntimeError) as fault:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()
            raise CurationError(
                f"no verifier process came up within {_START_SECONDS} s ({fault!r}): "
                "try `python -c 'import tasks.verify.symbolic'` on this machine"
            ) from fault
        return pool
