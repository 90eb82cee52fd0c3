"""Shards that did not get through: which, where and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.futures import PrefectFuture

from tasks.errors import CurationError
from tasks.report.pages import FailedShard
from tasks.rows.manifest import Manifest

Step = Manifest | PrefectFuture[Manifest]
"""A stage of a shard: what it made, or the task run that will."""
_LONGEST = 2000
_PREFIX = "Task run encountered an exception"


class ShardsFailed(CurationError):
    """Some shards failed, each named once; the others are finished and kept."""

    def __init__(self, failures: Sequence[FailedShard]) -> None:
        self.failures = list(failures)
        lines = "\n".join(f"  {f.shard} at {f.stage}: {f.error}: {f.reason}" for f in failures)
        super().__init__(f"{len(failures)} shard(s) failed; the others are kept. Run again to go on:\n{lines}")


def failed(future: PrefectFuture[Any]) -> bool:
    """Whether a task run that has ended went wrong itself; one that never ran because another failed did not."""
    return future.state.is_failed() or future.state.is_crashed()


def first_failure(shard: str, stages: Sequence[str], way: Sequence[Step]) -> FailedShard | None:
    """The first stage at which a shard went wrong, if it did; stages after it count as its consequences."""
    for stage, step in zip(stages, way, strict=True):
        if not isinstance(step, PrefectFuture):
            continue
        step.wait()
        if failed(step):
            return failure(shard, stage, step)
    return None


def failure(shard: str, stage: str, future: PrefectFuture[Any]) -> FailedShard:
    """What is known of a failed task run."""
    message = future.state.message or future.state.name or "unknown"
    error, colon, reason = message.removeprefix(_PREFIX).lstrip(": ").partition(": ")
    if not colon or not error.isidentifier():
        error, reason = future.state.name or "unknown", message
    return FailedShard(shard=shard, stage=stage, error=error, reason=reason[:_LONGEST])
