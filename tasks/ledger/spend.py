"""What was paid, from the log alone: by stage, model, shard or run, and what may have been paid."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from tasks.ledger.events import SCHEMA
from tasks.ledger.log import LOG
from tasks.rows.storage import Storage
from tasks.rows.tables import decode

_COLUMNS = [
    *(
        "kind",
        "attempt",
        "key",
        "run",
        "stage",
        "shard",
        "role",
        "model",
        "at_ms",
        "bound_microusd",
        "status",
    ),
    *("error", "prompt_tokens", "cached_tokens", "completion_tokens", "microusd"),
]


class By(StrEnum):
    """What spend can be grouped by."""

    STAGE = "stage"
    MODEL = "model"
    SHARD = "shard"
    RUN = "run"
    ROLE = "role"


def events(storage: Storage) -> pl.DataFrame:
    """Every event of the log, without requests and bodies."""
    frames = [decode(data, _COLUMNS) for data in storage.read_all(storage.list(LOG)).values()]
    return pl.concat(frames) if frames else pl.DataFrame(schema={name: SCHEMA[name] for name in _COLUMNS})


def spend(log: pl.DataFrame, by: By) -> pl.DataFrame:
    """Per group: wire attempts, replies, errors, tokens and micro-dollars, dearest first."""
    outcomes = log.filter(pl.col("kind") == "outcome")
    return (
        outcomes.group_by(by.value)
        .agg(
            attempts=pl.len(),
            replies=(pl.col("status") == "reply").sum(),
            errors=(pl.col("status") == "error").sum(),
            prompt_tokens=pl.col("prompt_tokens").sum(),
            cached_tokens=pl.col("cached_tokens").sum(),
            completion_tokens=pl.col("completion_tokens").sum(),
            microusd=pl.col("microusd").sum(),
        )
        .sort(["microusd", by.value], descending=[True, False])
    )


_MAYBE = ("timeout", "cut", "garbled")


def possibly_paid(log: pl.DataFrame) -> pl.DataFrame:
    """Attempts that may have been charged without a bill, with the most each can have cost.

    Intents whose outcome never came (in flight at a crash), and outcomes of a class that leaves the charge
    unknown: a request that timed out, was cut or answered without usage may have been served all the same.
    """
    intents = log.filter(pl.col("kind") == "intent")
    settled = log.filter((pl.col("kind") == "outcome") & ~pl.col("error").is_in(_MAYBE).fill_null(False))
    return intents.join(settled.select("attempt"), on="attempt", how="anti").select(
        "attempt", "key", "run", "stage", "shard", "model", "at_ms", "bound_microusd"
    )
