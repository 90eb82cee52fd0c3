"""Which of the gathered rows are kept: exact copies first, then what repeats another in other words. Pure.

Rows are those of one part: all that share a form, or all that share a group. See `names`.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tasks.collect import duplicates
from tasks.collect.collecting import Reason
from tasks.collect.duplicates import Settings
from tasks.collect.names import COMPARED
from tasks.collect.semantic import Embed
from tasks.collect.texts import Repeat, Text
from tasks.rows.verdict import Verdict

FOR_EXACT = ["place", "row_id", "answer", "form", "group"]
FOR_TEXTS = ["place", "row_id", "question", "answer"]
FOR_ALIKE = ["place", "row_id", "survivor", *COMPARED]
_FATES = {"survivor": pl.String, "stands": pl.String, "how": pl.String, "similarity": pl.Float64}
_TEXTS = ("question", "about", "url")


def exact(rows: pl.DataFrame, older: pl.DataFrame) -> pl.DataFrame:
    """For each form the row that stands and its group: columns form, survivor, group.

    It is the row of an older intake (`older`: form, row_id), else the first with an answer, else the first.
    """
    answered_first = rows.sort(pl.col("answer").is_null(), "place")
    first = answered_first.unique("form", keep="first", maintain_order=True)
    found = first.join(older.select("form", older="row_id"), on="form", how="left")
    return found.select("form", "group", survivor=pl.coalesce("older", "row_id"))


def settled(rows: pl.DataFrame, stands: pl.DataFrame) -> pl.DataFrame:
    """Rows with the survivor of their form and its group; a copy's text is needed no more."""
    found = rows.drop("survivor", "group").join(stands, on="form", how="left", maintain_order="left")
    own = pl.col("row_id") == pl.col("survivor")
    return found.with_columns(pl.when(own).then(name).alias(name) for name in _TEXTS)


def candidates(rows: pl.DataFrame, older: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those rows, new and older (column row_id), that have one of the compared names in common with another."""
    new = rows.filter(pl.col("row_id") == pl.col("survivor"))
    both = pl.concat([new.select("row_id", *COMPARED), older.select("row_id", *COMPARED)])
    shared = [pl.col(name).is_not_null() & (pl.len().over(name) > 1) for name in COMPARED]
    found = both.select("row_id", alike=pl.any_horizontal(shared))
    return found.head(new.height).filter("alike"), found.slice(new.height).filter("alike")


def repeats(
    older: pl.DataFrame, rows: pl.DataFrame, settings: Settings, embed: Embed | None = None
) -> dict[str, Repeat]:
    """What rows repeat, by row id; rows and older ones have columns place, row_id, question, answer."""
    answered_first = rows.sort(pl.col("answer").is_null(), "place")
    return duplicates.find(_texts(older.sort("place")), _texts(answered_first), settings, embed)


def fates(found: Mapping[str, Repeat]) -> pl.DataFrame:
    """What becomes of the rows that repeat another: columns survivor, stands, how, similarity."""
    lines = [(one, duplicates.standing(one, found), repeat.how, repeat.similarity) for one, repeat in found.items()]
    return pl.DataFrame(lines, schema=_FATES, orient="row")


def judged(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Settled rows with their verdicts, the columns of `VERDICTS` among theirs; `known` are `fates`."""
    copy = pl.col("row_id") != pl.col("survivor")
    how = pl.lit("duplicate_") + pl.col("how")
    found = rows.join(known, on="survivor", how="left", maintain_order="left").with_columns(
        reason=pl.when(copy).then(pl.lit(Reason.DUPLICATE_EXACT.value)).otherwise(how),
        duplicate_of=pl.when(copy).then(pl.coalesce("stands", "survivor")).otherwise("stands"),
        similarity=pl.when(~copy).then("similarity"),
        detail=pl.lit(None, pl.String),
    )
    dropped = pl.col("reason").is_not_null()
    return found.with_columns(
        verdict=pl.when(dropped).then(pl.lit(Verdict.DROP.value)).otherwise(pl.lit(Verdict.KEEP.value))
    )


def _texts(rows: pl.DataFrame) -> list[Text]:
    return [Text(*row) for row in rows.select("row_id", "question", "answer").iter_rows()]
