"""What was paid, and what may have been paid: added up from the log alone, by any column of it."""

from __future__ import annotations

from enum import StrEnum

import polars as pl
import pyarrow.parquet as pq

from tasks.ledger.contents import Contents, following
from tasks.ledger.events import SCHEMA, completed, stored
from tasks.rows.storage import Storage

_COLUMNS = [
    *(
        "kind",
        "attempt",
        "key",
        "run",
        "stage",
        "shard",
        "problem_id",
        "role",
        "model",
        "endpoint",
        "at_ms",
        "bound_microusd",
        "status",
    ),
    *("error", "prompt_tokens", "cached_tokens", "completion_tokens", "microusd", "lease"),
]
_SEGMENTS_AT_ONCE = 16
"""Segments are read whole, and each may hold 16 MiB of bodies: those of so many are in memory at once."""


DAY = pl.from_epoch("at_ms", "ms").dt.strftime("%Y-%m-%d")
"""The UTC day of an event."""


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
    """Every event of the ledger once, without requests and bodies."""
    return following(storage, lambda found: _events(storage, found))


def _events(storage: Storage, found: Contents) -> pl.DataFrame:
    frames = [pl.DataFrame(schema={name: SCHEMA[name] for name in _COLUMNS})]
    for file in found.generation.files:
        with storage.opened(file.name) as opened:
            frames.append(completed(pl.DataFrame(pq.read_table(opened, columns=_COLUMNS)), _COLUMNS))
    for start in range(0, len(found.segments), _SEGMENTS_AT_ONCE):
        some = list(found.segments[start : start + _SEGMENTS_AT_ONCE])
        frames += [stored(data, _COLUMNS) for data in storage.read_all(some).values()]
    # a client that lost the answer to its put may send a segment again after compaction has taken it away
    return pl.concat(frames).unique(["attempt", "kind"], keep="first", maintain_order=True)


def with_sources(log: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """The log with a column `source`, so that it can be grouped by it.

    `sources` has one row for each `run` and `problem_id`. Of rows with one text only one was collected, so what
    their problem cost is that row's source's.
    """
    known = sources.unique(["run", "problem_id"], keep="any")
    joined = log.join(known, on=["run", "problem_id"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("source").fill_null("(unknown)"))


def spend(log: pl.DataFrame, by: By) -> pl.DataFrame:
    """Per group: wire attempts, replies, errors, tokens and micro-dollars; dearest first, but days in order.

    Where the log comes from `gpu_split.attributed`, also `card_ms`: useful milliseconds of own engines' cards.

    Days are UTC's. To group by source, the log must come from `with_sources`.
    """
    order = [by.value] if by is By.DAY else ["microusd", by.value]
    outcomes = log.filter(pl.col("kind") == "outcome").with_columns(day=DAY)
    timed = [pl.col("card_ms").sum().round().cast(pl.Int64)] if "card_ms" in log.columns else []
    return (
        outcomes.group_by(by.value)
        .agg(
            *timed,
            attempts=pl.len(),
            replies=(pl.col("status") == "reply").sum(),
            errors=(pl.col("status") == "error").sum(),
            prompt_tokens=pl.col("prompt_tokens").sum(),
            cached_tokens=pl.col("cached_tokens").sum(),
            completion_tokens=pl.col("completion_tokens").sum(),
            microusd=pl.col("microusd").sum(),
        )
        .sort(order, descending=[name == "microusd" for name in order])
    )


MAYBE = ("timeout", "cut", "garbled", "stalled", "wrong_model")
"""Error classes that leave the charge unknown."""


def outrun(log: pl.DataFrame) -> pl.DataFrame:
    """Replies that were paid for though another is the reply to their key: spend on which nothing rests.

    A holder whose lease was lost had them in flight, or two shards asked the same at the same moment.
    """
    ordered = log.filter(pl.col("status") == "reply").sort(
        "lease", "at_ms", "attempt", descending=[True, False, False], maintain_order=True
    )
    return ordered.filter(~pl.col("key").is_first_distinct())


def possibly_paid(log: pl.DataFrame) -> pl.DataFrame:
    """Attempts that may have been charged without a bill, with the most each can have cost.

    Intents whose outcome never came (in flight at a crash), and outcomes of a class that leaves the charge
    unknown: a request that timed out, was cut or answered without usage may have been served all the same, and a
    reply by another model has another price.
    """
    intents = log.filter(pl.col("kind") == "intent")
    settled = log.filter((pl.col("kind") == "outcome") & ~pl.col("error").is_in(MAYBE).fill_null(False))
    return intents.join(settled.select("attempt"), on="attempt", how="anti").select(
        "attempt", "key", "run", "stage", "shard", "model", "at_ms", "bound_microusd"
    )
