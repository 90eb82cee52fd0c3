"""What some problems ask, as the last stage that wrote their question left it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from tasks.report.counts import columns
from tasks.rows.chain import PROBLEMS
from tasks.rows.manifest import VERDICTS, Manifest
from tasks.rows.storage import Storage


def questions(
    storage: Storage, intakes: Sequence[Manifest], later: Sequence[Manifest], problems: Iterable[str | None]
) -> dict[str, str]:
    """By problem. `later` are the manifests of stages, in the order in which a shard came through them."""
    wanted = pl.Series("problem_id", [one for one in problems if one], pl.String).unique()
    found: dict[str, str] = {}
    for manifest, table in [*((one, PROBLEMS) for one in intakes), *((one, VERDICTS) for one in later)]:
        rows = columns(storage, manifest, ("problem_id", "question"), table)
        if "question" in rows.columns:
            own = rows.filter(pl.col("problem_id").is_in(wanted.implode()))
            found.update(own.drop_nulls("question").select("problem_id", "question").iter_rows())
    return found
