"""What was paid, and what may have been paid: added up from the log alone, by any column of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import polars as pl

from tasks.ledger.fold import fold
from tasks.rows.storage import Storage
from tasks.rows.tables import apart

DAY = pl.from_epoch("at_ms", "ms").dt.strftime("%Y-%m-%d")
"""The UTC day of an event."""
_ALIKE = ["run", "stage", "shard", "role", "model", "endpoint", "day", "status", "error"]
_COUNTED = ["attempts", "prompt_tokens", "cached_tokens", "completion_tokens", "microusd"]


class By(StrEnum):
    """What spend can be grouped by."""

    STAGE = "stage"
    MODEL = "model"
    SHARD = "shard"
    RUN = "run"
    ROLE = "role"
    DAY = "day"
    SOURCE = "source"


def events(storage: Storage) -> pl.DataFrame:
    """Every event of the ledger once, without requests and bodies: as much memory as there are attempts."""
    return pl.concat(fold(storage, lambda part: part))


def with_sources(log: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """The log with a column `source`, so that it can be grouped by it.

    `sources` has one row for each `run` and `problem_id`. Of rows with one text only one was collected, so what
    their problem cost is that row's source's.
    """
    known = sources.unique(["run", "problem_id"], keep="any")
    joined = log.join(known, on=["run", "problem_id"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("source").fill_null("(unknown)"))


def outcomes(log: pl.DataFrame) -> pl.DataFrame:
    """Outcomes added up, as far as no question about spend goes further: attempts, tokens and micro-dollars.

    Each row stands for the outcomes of one run, stage, shard, role, model, endpoint, UTC day, status and error, and
    of one source if the log comes from `with_sources`. Of the parts of a log: `together`.
    """
    alike = [*_ALIKE, "source"] if "source" in log.columns else _ALIKE
    ended = log.filter(pl.col("kind") == "outcome").with_columns(day=DAY, attempts=pl.lit(1, pl.Int64))
    return _added(ended, alike)


def together(groups: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The `outcomes` of several parts of a log as one."""
    every = pl.concat(groups)
    return _added(every, [name for name in every.columns if name not in _COUNTED])


def _added(rows: pl.DataFrame, alike: Sequence[str]) -> pl.DataFrame:
    return apart(rows.group_by(alike, maintain_order=True).agg(pl.col(_COUNTED).sum()))


def spend(groups: pl.DataFrame, by: By) -> pl.DataFrame:
    """Of `outcomes`, per group: wire attempts, replies, errors, tokens, micro-dollars; dearest first, days in order.

    Where they come from `gpu_split.attributed`, also `card_ms`: useful milliseconds of own engines' cards. To group
    by source, their log must come from `with_sources`.
    """
    order = [by.value] if by is By.DAY else ["microusd", by.value]
    timed = [pl.col("card_ms").sum().round().cast(pl.Int64)] if "card_ms" in groups.columns else []
    return (
        groups.group_by(by.value)
        .agg(
            *timed,
            attempts=pl.col("attempts").sum(),
            replies=pl.col("attempts").filter(pl.col("status") == "reply").sum(),
            errors=pl.col("attempts").filter(pl.col("status") == "error").sum(),
            prompt_tokens=pl.col("prompt_tokens").sum(),
            cached_tokens=pl.col("cached_tokens").sum(),
            completion_tokens=pl.col("completion_tokens").sum(),
            microusd=pl.col("microusd").sum(),
        )
        .sort(order, descending=[name == "microusd" for name in order])
    )


MAYBE = ("timeout", "cut", "garbled", "stalled", "wrong_model")
"""Error classes that leave the charge unknown."""
_OF_ATTEMPT = ("attempt", "key", "run", "stage", "shard", "model", "at_ms", "bound_microusd")


def outrun(log: pl.DataFrame) -> pl.DataFrame:
    """Replies that were paid for though another is the reply to their key: spend on which nothing rests.

    A holder whose lease was lost had them in flight, or two shards asked the same at the same moment.
    """
    ordered = log.filter(pl.col("status") == "reply").sort(
        "lease", "at_ms", "attempt", descending=[True, False, False], maintain_order=True
    )
    return ordered.filter(~pl.col("key").is_first_distinct())


def possibly_paid(log: pl.DataFrame) -> pl.DataFrame:
    """Attempts that may have been charged without a bill, with the most each can have cost; with keys if the log has.

    Intents whose outcome never came (in flight at a crash), and outcomes of a class that leaves the charge
    unknown: a request that timed out, was cut or answered without usage may have been served all the same, and a
    reply by another model has another price.
    """
    intents = log.filter(pl.col("kind") == "intent")
    settled = log.filter((pl.col("kind") == "outcome") & ~pl.col("error").is_in(MAYBE).fill_null(False))
    found = intents.join(settled.select("attempt"), on="attempt", how="anti")
    return apart(found.select(name for name in _OF_ATTEMPT if name in log.columns))
