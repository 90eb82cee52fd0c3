"""Counts over the tables of a run, shard by shard and only the columns that are counted.

Whatever the number of rows, what is in memory is one shard's few columns and the counts; solutions are never read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from tasks.ledger.fold import fold
from tasks.report.facts import Bin, Rated
from tasks.rows.manifest import VERDICTS, Manifest
from tasks.rows.storage import Storage
from tasks.rows.tables import apart
from tasks.rows.verdict import Verdict
from tasks.screen.guessable import NONE, Guessable, counted

_KEPT = pl.col("verdict") == Verdict.KEEP.value
_FEWEST_TOKENS = 64
_STEPS_PER_DOUBLING = 2


def columns(storage: Storage, manifest: Manifest, names: Sequence[str], table: str = VERDICTS) -> pl.DataFrame:
    """Some columns of a table, those of them that it has: nothing else of the file is read."""
    with storage.opened(manifest.files[table].name) as opened:
        return pl.DataFrame(pq.ParquetFile(opened, pre_buffer=True).read(list(names)))  # polars would read all of it


def kept_ids(storage: Storage, done: Sequence[Manifest]) -> pl.Series:
    """The problems that these manifests kept."""
    frames = (apart(columns(storage, one, ("problem_id", "verdict")).filter(_KEPT))["problem_id"] for one in done)
    return pl.concat([pl.Series("problem_id", [], pl.String), *frames])


def ratings(storage: Storage, done: Sequence[Manifest]) -> tuple[list[Rated], dict[float, int]]:
    """Rows by their rounded mean rating, and by the standard deviation of their ratings to one place."""
    means: Counter[tuple[float, bool]] = Counter()
    spreads: Counter[float] = Counter()
    for one in done:
        rows = columns(storage, one, ("verdict", "difficulty_rounded", "rating_spread"))
        counted = rows.drop_nulls("difficulty_rounded").group_by("difficulty_rounded", is_kept=_KEPT).len()
        means.update({(mean, is_kept): n for mean, is_kept, n in counted.iter_rows()})
        spreads.update(_counts(rows["rating_spread"].drop_nulls().round(1)))
    values = sorted({mean for mean, _ in means})
    rated = [Rated(difficulty=one, kept=means[one, True], dropped=means[one, False]) for one in values]
    return rated, dict(sorted(spreads.items()))


def values(storage: Storage, done: Sequence[Manifest], column: str, of: pl.Series) -> dict[str, int]:
    """How often each value of a column occurs in kept rows that are among the problems `of`; most frequent first."""
    found: Counter[str] = Counter()
    for one in done:
        rows = columns(storage, one, ("problem_id", "verdict", column))
        if column in rows.columns:
            own = rows.filter(_KEPT, pl.col("problem_id").is_in(of.implode()))
            found.update(_counts(own[column].drop_nulls()))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def guessable(storage: Storage, done: Sequence[Manifest], of: pl.Series) -> Guessable:
    """Final answers that these manifests of verify gave the problems `of`, and how many can be guessed."""
    found = NONE
    for one in done:
        rows = columns(storage, one, ("problem_id", "final_answer"))
        found += counted(rows.filter(pl.col("problem_id").is_in(of.implode()))["final_answer"])
    return found


def solution_tokens(storage: Storage, done: Sequence[Manifest], released: pl.Series) -> list[Bin]:
    """Lengths of the solutions that these manifests of solve rest on, reasoning included, as the ledger has them.

    Bins grow by a factor, since lengths differ by orders of magnitude.
    """
    own = _released_by_key(storage, done, released)

    def part_of(log: pl.DataFrame) -> pl.DataFrame:
        replies = log.filter(pl.col("status") == "reply").select(pl.col("key").hash(), "completion_tokens")
        step = (pl.col("completion_tokens").clip(lower_bound=1) / _FEWEST_TOKENS).log(2) * _STEPS_PER_DOUBLING
        return (
            replies.unique("key").join(own, on="key").with_columns(step=step.floor().clip(lower_bound=-1))
            .group_by("step").agg(released=pl.col("released").sum(), every=pl.len())
        )  # fmt: skip

    told = fold(storage, part_of, columns=("key", "status", "completion_tokens"))
    counted = pl.concat(told).drop_nulls().group_by("step").sum().sort("step")
    return [
        Bin(low=_tokens(step), high=_tokens(step + 1), released=in_set, others=every - in_set)
        for step, in_set, every in counted.iter_rows()
    ]


def _released_by_key(storage: Storage, done: Sequence[Manifest], released: pl.Series) -> pl.DataFrame:
    """Columns key (hashed: there are three or more for each row) and released."""
    return pl.concat(
        [pl.DataFrame(schema={"key": pl.UInt64, "released": pl.Boolean}), *_keys(storage, done, released)]
    )


def _keys(storage: Storage, done: Sequence[Manifest], released: pl.Series) -> Iterator[pl.DataFrame]:
    for one in done:
        rows = columns(storage, one, ("problem_id", "solution_keys"))
        yield (
            rows.select(
                key=pl.col("solution_keys"), released=pl.col("problem_id").is_in(released.implode())
            )
            .explode("key").drop_nulls("key").select(pl.col("key").hash(), "released").unique("key")
        )  # fmt: skip


def _tokens(step: float) -> int:
    return 0 if step < 0 else round(_FEWEST_TOKENS * 2 ** (step / _STEPS_PER_DOUBLING))


def _counts(found: pl.Series) -> dict[Any, int]:
    return dict(found.alias("value").value_counts().iter_rows())
