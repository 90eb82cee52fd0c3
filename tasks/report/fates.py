"""What became of each row: the stage that took it out, or publish, its verdict and its reason.

Columns: row_id, source, source_id, locator, problem_id, stage, verdict, reason. One line per collected row.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.errors import ConservationError
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tasks.rows.verdict import Verdict

_ROW = ("row_id", "source", "source_id", "locator", "problem_id")


def fates(
    storage: Storage, intakes: Sequence[Manifest], chains: Sequence[Sequence[Manifest]], last: Manifest
) -> pl.DataFrame:
    """Every row's fate in a finished run. Raises `ConservationError` if a row has none, or more than one."""
    collected = pl.concat([manifests.read(storage, intake) for intake in intakes])
    steps = [manifest for chain in chains for manifest in chain[1:]]
    later = pl.concat([_out(storage, step) for step in steps] + [_verdicts(storage, last)])
    lost = collected.filter(pl.col("verdict") != Verdict.KEEP).with_columns(stage=pl.lit("collect"))
    kept = collected.filter(pl.col("verdict") == Verdict.KEEP).select(_ROW)
    found = pl.concat(
        [
            lost.select(*_ROW, "stage", "verdict", "reason"),
            kept.join(later, on="problem_id", how="inner", validate="1:1").select(
                *_ROW, "stage", "verdict", "reason"
            ),
        ]
    )
    if found.height != collected.height:
        raise ConservationError(f"{collected.height} rows were collected, but {found.height} have a fate")
    return found.sort("source", "locator")


def _out(storage: Storage, manifest: Manifest) -> pl.DataFrame:
    """The rows a stage took out."""
    return _verdicts(storage, manifest).filter(pl.col("verdict") != Verdict.KEEP)


def _verdicts(storage: Storage, manifest: Manifest) -> pl.DataFrame:
    found = manifests.read(storage, manifest, columns=["problem_id", "verdict", "reason"])
    return found.with_columns(stage=pl.lit(manifest.stage))
