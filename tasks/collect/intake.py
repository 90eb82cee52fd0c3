"""New rows become the tables of an intake, on local disk: what memory holds is a part of them, never all.

1. Rows are gathered in parts by their normal form, and so are the forms that older intakes kept; copies are found
   in each part.
2. What is left goes to parts by its group (see `names`), and so do older texts that share a name with it; near and
   semantic duplicates are found in each part.
3. Verdicts and problems go to parts by their identities, and are written in that order.

The tables are the same however many parts there are.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tasks.collect import collecting, judging
from tasks.collect.collecting import GATHERED, NAMES, PROBLEMS, VERDICTS, has_text
from tasks.collect.duplicates import Settings
from tasks.collect.older import FORMS, NAMES_TABLE, OLD, Before, Wanted
from tasks.collect.seen import batches
from tasks.collect.semantic import Embed
from tasks.collect.source import RawRow
from tasks.collect.texts import Repeat
from tasks.rows import chain as chains
from tasks.rows import manifest as manifests
from tasks.rows import parts
from tasks.rows.manifest import Fates
from tasks.rows.parts import Parts
from tasks.rows.table_file import TableFile, TableWriter
from tasks.rows.tables import Schema, table
from tasks.rows.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The tables of an intake on local disk, how its rows fared, and its name: a digest of their ids."""

    tables: dict[str, TableFile]
    fates: Fates
    name: str


class Intake:
    """An intake in the making, in a folder of its own that does not exist yet."""

    def __init__(
        self, folder: Path, settings: Settings, embed: Embed | None = None, files: int = parts.FILES
    ) -> None:
        """`embed` gives vectors for semantic duplicates; else texts are embedded here. `files`: for each table."""
        self._folder, self._settings, self._embed, self._files, self._times = folder, settings, embed, files, 1
        self._unfit = self._parts("unfit", "row_id", VERDICTS)
        self._verdicts = self._parts("verdicts", "row_id", VERDICTS)
        self._gathered = self._parts("gathered", "form", GATHERED)
        self._fates: Fates = Counter()
        self.rows = 0

    def gather(self, rows: Iterable[RawRow]) -> None:
        """Take the rows, once."""
        with self._gathered, self._unfit:
            for few in batches(rows):
                fit = [(place, row) for place, row in enumerate(few, self.rows) if has_text(row)]
                made = (collecting.gathered(row, place, self._settings) for place, row in fit)
                self._gathered.write(table(made, GATHERED))
                self._unfit.write(table((collecting.unfit(row) for row in few if not has_text(row)), VERDICTS))
                self.rows += len(few)
        self._times = parts.times(self.rows, self._files)
        for one in (self._gathered, self._unfit, self._verdicts):
            one.cut(self._times)

    def make(self, before: Before) -> Made:
        """Write the tables of the rows that were taken, which come after what other intakes kept; once."""
        wanted = Wanted()
        with self._parts("unlike", "group", GATHERED) as unlike:
            self._settle(before, unlike, wanted)
        with self._parts("older", "group", OLD) as older:
            for few in before.texts(wanted):
                older.write(few)
        with self._parts("kept", "problem_id", GATHERED) as kept, self._verdicts:
            self._judge(unlike, older, kept)
        tables = self._problems(kept)
        name, tables[manifests.VERDICTS] = self._told()
        return Made(tables=tables, fates=self._fates, name=name)

    def _settle(self, before: Before, unlike: Parts, wanted: Wanted) -> None:
        """Rows with the survivor of their form go on; the names of survivors are wanted of older intakes."""
        with self._parts("forms", "form", FORMS) as forms:
            for few in before.names(list(FORMS)):
                forms.write(few)
        for part in self._gathered:
            stands = judging.exact(self._gathered.whole(part, judging.FOR_EXACT), forms.whole(part))
            for few in self._gathered.read(part):
                rows = judging.settled(few, stands)
                unlike.write(rows)
                if before.chain:
                    wanted.add(rows.filter(pl.col("row_id") == pl.col("survivor")))
            self._gathered.drop(part)
            forms.drop(part)

    def _judge(self, unlike: Parts, older: Parts, kept: Parts) -> None:
        for part in unlike:
            known = judging.fates(self._repeats(unlike, older.whole(part), part))
            for few in unlike.read(part):
                rows = judging.judged(few, known)
                self._verdicts.write(rows)
                kept.write(rows.filter(pl.col("verdict") == Verdict.KEEP))
            unlike.drop(part)
            older.drop(part)

    def _repeats(self, unlike: Parts, older: pl.DataFrame, part: int) -> dict[str, Repeat]:
        """What the rows of a part repeat; of rows that nothing is compared with, no text is held."""
        alike, old_alike = judging.candidates(unlike.whole(part, judging.FOR_ALIKE), older)
        if alike.is_empty():
            return {}
        texts = pl.concat([few.join(alike, on="row_id", how="semi") for few in unlike.read(part, judging.FOR_TEXTS)])
        return judging.repeats(older.join(old_alike, on="row_id", how="semi"), texts, self._settings, self._embed)

    def _problems(self, kept: Parts) -> dict[str, TableFile]:
        with (
            TableWriter(self._folder / "problems.parquet", PROBLEMS) as problems,
            TableWriter(self._folder / "names.parquet", NAMES) as names,
        ):
            for part in kept:
                rows = collecting.problems(kept.whole(part))
                kept.drop(part)
                problems.write(rows.select(list(PROBLEMS)))
                names.write(rows.select(list(NAMES)))
            return {chains.PROBLEMS: problems.finish(), NAMES_TABLE: names.finish()}

    def _told(self) -> tuple[str, TableFile]:
        ids = hashlib.sha256()
        with TableWriter(self._folder / "verdicts.parquet", VERDICTS) as writer:
            for part in self._verdicts:
                rows = pl.concat([self._unfit.whole(part), self._verdicts.whole(part)]).sort("row_id")
                self._unfit.drop(part)
                self._verdicts.drop(part)
                self._fates.update(manifests.counts(rows))
                writer.write(rows)
                ids.update("".join(rows["row_id"]).encode())
            return f"intake-{ids.hexdigest()[:12]}", writer.finish()

    def _parts(self, name: str, key: str, schema: Schema) -> Parts:
        return Parts(self._folder / name, key, schema, self._files, self._times)
