"""The funnel: what went into each stage and what became of it. Pure.

Counting across stages is checked as well: what one stage kept is what the next one got, shard by shard.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pydantic import BaseModel

from tasks.errors import ConservationError
from tasks.rows.manifest import Manifest, summed


class FunnelStep(BaseModel):
    """One stage's counts over all shards."""

    stage: str
    shards: int
    rows_in: int
    kept: int
    dropped: dict[str, int]
    quarantined: dict[str, int]


def funnel(
    chains: Sequence[Sequence[Manifest]], intakes: Sequence[Manifest], last: Manifest | None
) -> list[FunnelStep]:
    """Counts per stage, in order. `chains` are per shard and begin with the shard's intake.

    Raises `ConservationError` if a stage did not get exactly what the stage before kept.
    """
    for chain in chains:
        for before, after in itertools.pairwise(chain[1:]):
            _same(f"{after.stage} of {after.shard}", before.kept, after.rows_in)
    longest = max((len(chain) for chain in chains), default=1)
    columns = [[chain[i] for chain in chains if len(chain) > i] for i in range(1, longest)]
    steps = [_step(intakes), *(_step(column) for column in columns)]
    if columns and len(columns[0]) == len(chains):
        _same(columns[0][0].stage, steps[0].kept, steps[1].rows_in)
    if last is not None:
        _same(last.stage, steps[-1].kept, last.rows_in)
        steps.append(_step([last]))
    return steps


def _same(stage: str, kept: int, rows_in: int) -> None:
    if kept != rows_in:
        raise ConservationError(f"{stage} got {rows_in} rows, but the stage before kept {kept}")


def _step(manifests: Sequence[Manifest]) -> FunnelStep:
    return FunnelStep(shards=len(manifests), **summed(manifests))
