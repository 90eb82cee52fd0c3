"""What older intakes kept, as far as new rows may repeat it; read a few thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from tasks.collect.names import COMPARED
from tasks.rows.chain import PROBLEMS
from tasks.rows.manifest import Manifest
from tasks.rows.ranges import Ranged, check_once
from tasks.rows.storage import Storage
from tasks.rows.tables import Schema

NAMES_TABLE = "names"
"""The table of an intake that says by what names its problems are found."""
FORMS: Schema = {"form": pl.String, "row_id": pl.String}
OLD: Schema = {
    "place": pl.Int64,
    **dict.fromkeys(("row_id", "question", "answer", *COMPARED, "group"), pl.String),
}
"""A problem of an older intake. `place` is its number among those of all of them."""


class Wanted:
    """The names of new rows that older ones may share: 24 bytes a row."""

    def __init__(self) -> None:
        self._hashes: dict[str, list[pl.Series]] = {name: [] for name in COMPARED}

    def add(self, rows: pl.DataFrame) -> None:
        """Note the names of new rows."""
        for name, found in self._hashes.items():
            found.append(rows[name].drop_nulls().hash())

    def among(self, older: pl.DataFrame) -> pl.DataFrame:
        """The rows of `older` that share a name with a new row. Once in 10**11 times one seems to, which is harmless:
        it is compared for nothing.
        """
        alike = [
            pl.col(name).is_not_null() & pl.col(name).hash().is_in(found.implode())
            for name, found in self._unique.items()
        ]
        return older.filter(pl.any_horizontal(alike))

    @cached_property
    def _unique(self) -> dict[str, pl.Series]:
        none = pl.Series(dtype=pl.UInt64)
        return {name: pl.concat([none, *found]).unique() for name, found in self._hashes.items()}


@dataclass(frozen=True, slots=True)
class Before:
    """The intakes that a new one comes after, the oldest first."""

    storage: Storage
    chain: Sequence[Manifest]

    def names(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Columns of the names of all their problems."""
        for intake in self.chain:
            with self._opened(intake, NAMES_TABLE, columns) as names:
                yield from names.pieces()

    def texts(self, wanted: Wanted) -> Iterator[pl.DataFrame]:
        """Their problems that share a name with a new row, as `OLD` has them."""
        place = 0
        for intake in self.chain:
            with (
                self._opened(intake, NAMES_TABLE, ["problem_id", "row_id", *COMPARED, "group"]) as names,
                self._opened(intake, PROBLEMS, ["problem_id", "original", "source_answer"]) as problems,
            ):
                for piece in names.pieces():
                    found = wanted.among(piece.with_columns(place=pl.int_range(place, place + piece.height)))
                    place += piece.height
                    if found.height:
                        own = problems.between(found["problem_id"][0], f"{found['problem_id'][-1]}~")
                        yield found.join(own, on="problem_id", maintain_order="left").rename(
                            {"original": "question", "source_answer": "answer"}
                        )

    def _opened(self, intake: Manifest, name: str, columns: Sequence[str]) -> Ranged:
        file = intake.files[name]
        check_once(self.storage, file)
        return Ranged(self.storage, file, list(columns))
