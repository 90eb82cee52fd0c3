"""From manifests back to rows: the rows a stage gets are the last stage's kept ones, with all columns so far.

Rows are never rewritten. The current `question` of a row, and the `source_answer` to it, are the last that a stage
wrote; every other column belongs to the stage that wrote it, and two stages may not write the same one.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.errors import ConservationError, CurationError
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.problem import first_of
from tasks.rows.ranges import Ranged, check_once
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.rows.verdict import Verdict

PROBLEMS = "problems"
_CURRENT = frozenset({"question", "source_answer"})


def rows(storage: Storage, shard: Shard, chain: Sequence[Manifest]) -> pl.DataFrame:
    """The rows that the last manifest of `chain` kept, sorted by `problem_id`.

    `chain` begins with the intake's manifest, whose table `problems` holds the collected rows. A stage that
    a recipe runs twice overwrites its own columns. Raises `ConservationError` if a kept row is lost on the way.
    """
    intake, *stages = chain
    frame = _collected(storage, intake, shard)
    owner = dict.fromkeys(frame.columns, intake.stage)
    for done in stages:
        own = manifests.read(storage, done).filter(pl.col("verdict") == Verdict.KEEP).drop("verdict", "reason")
        new = [name for name in own.columns if name != "problem_id"]
        _check_owner(owner, new, done.stage)
        owner.update(dict.fromkeys(new, done.stage))
        frame = frame.drop(new, strict=False).join(own, on="problem_id", how="inner", validate="1:1")
        if frame.height != done.kept:
            raise ConservationError(
                f"{done.stage} of {done.shard} kept {done.kept} rows, but {frame.height} of them are in the rows "
                f"of {shard.name}: these manifests do not belong together"
            )
    return frame.sort("problem_id")


def _collected(storage: Storage, intake: Manifest, shard: Shard) -> pl.DataFrame:
    """The shard's problems. Of a large intake only the row groups are read that hold some, and its digest is checked
    once in a process: every shard comes here for every stage.
    """
    file = intake.files[PROBLEMS]
    check_once(storage, file)
    low, high = first_of(shard.low), first_of(shard.high)
    with Ranged(storage, file) as table:
        return table.between(low or "", high)


def _check_owner(owner: dict[str, str], columns: list[str], stage: str) -> None:
    for name in columns:
        if name not in _CURRENT and owner.get(name, stage) != stage:
            raise CurationError(f"stage {stage} writes column {name!r}, which belongs to stage {owner[name]}")
