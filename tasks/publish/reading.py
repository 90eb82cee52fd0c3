"""The rows that every stage kept, all columns joined, in the order of `problem_id`, a few thousand at a time.

Shards are read one after the other (side by side where several intakes have shards of the same buckets), so order
and content do not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise

import polars as pl
import pyarrow.parquet as pq

from tasks.errors import ConservationError
from tasks.rows.chain import PROBLEMS
from tasks.rows.manifest import VERDICTS, FileRef, Manifest
from tasks.rows.problem import first_of
from tasks.rows.ranges import Ranged, check, is_whole
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.rows.verdict import Verdict
from tasks.stage import ASKED_TABLE

ROWS_AT_ONCE = 2000
"""Rows with all their texts that are held at a time."""
REQUESTS = "requests"
"""Column of what was asked for a row: list of {stage, role, key, microusd}."""
Chain = Sequence[Manifest]


def joined(
    storage: Storage,
    shards: Sequence[Shard],
    chains: Sequence[Chain],
    *,
    evidence: bool,
    files: Files | None = None,
    rows_at_once: int = ROWS_AT_ONCE,
) -> Iterator[pl.DataFrame]:
    """Frames of all kept rows, ascending. With `evidence`, side tables are in columns `<stage>_<table>`, lists of
    structs, and `REQUESTS`.

    `files` notes the files that are not what was committed; without it they raise `StorageError`. Raises
    `ConservationError` where a kept row is lost.
    """
    edges = sorted({edge for shard in shards for edge in (shard.low, shard.high)})
    seen = files or Files()
    for low, high in pairwise(edges):
        inside = [
            chain for shard, chain in zip(shards, chains, strict=True) if shard.low <= low and high <= shard.high
        ]
        with ExitStack() as opened:
            readers = [_ChainReader(storage, chain, low, high, evidence, opened, seen) for chain in inside]
            ids = sorted(identity for reader in readers for identity in reader.ids)
            for start in range(0, len(ids), rows_at_once):
                end = ids[start + rows_at_once] if start + rows_at_once < len(ids) else first_of(high)
                frames = [reader.between(ids[start], end) for reader in readers]
                frame = pl.concat([one for one in frames if one.height], how="diagonal").sort("problem_id")
                if frame.height != min(rows_at_once, len(ids) - start):
                    raise ConservationError(f"rows were lost between {ids[start]} and {end or 'the end'}")
                yield frame


@dataclass
class Files:
    """Files whose digests were checked, and those that are not what was committed, where that is no error."""

    strict: bool = True
    seen: set[str] = field(default_factory=set)
    changed: list[str] = field(default_factory=list)

    def look(self, storage: Storage, file: FileRef) -> str:
        """The name of a file, which is checked when it is first looked at. Raises `StorageError` if `strict`."""
        if file.name not in self.seen:
            self.seen.add(file.name)
            if self.strict:
                check(storage, file)
            elif not is_whole(storage, file):
                self.changed.append(file.name)
        return file.name


class _ChainReader:
    """One shard's tables, open for reading by ranges."""

    def __init__(
        self, storage: Storage, chain: Chain, low: int, high: int, evidence: bool, opened: ExitStack, files: Files
    ) -> None:
        self._storage, self._opened, self._files = storage, opened, files
        intake, *stages = chain
        self._problems = self._open(intake, PROBLEMS)
        self._verdicts = [self._open(one, VERDICTS) for one in stages]
        self._sides: dict[str, Ranged] = {}
        last = self._columns(stages[-1].files[VERDICTS], ["problem_id", "verdict"])
        kept = last.filter(pl.col("verdict") == Verdict.KEEP)["problem_id"]
        inside = kept.str.slice(0, 3).str.to_integer(base=16).is_between(low, high, closed="left")
        self.ids = kept.filter(inside).sort().to_list()
        self._asked: pl.DataFrame | None = None
        if evidence:
            self._sides = {
                f"{one.stage}_{name}": self._open(one, name)
                for one in stages
                for name in one.files
                if name not in (VERDICTS, ASKED_TABLE)
            }
            self._asked = self._requests([one for one in stages if ASKED_TABLE in one.files])

    def between(self, low: str, high: str | None) -> pl.DataFrame:
        frame = self._problems.between(low, high)
        for table in self._verdicts:
            own = table.between(low, high).filter(pl.col("verdict") == Verdict.KEEP).drop("verdict", "reason")
            new = [name for name in own.columns if name != "problem_id"]
            frame = frame.drop(new, strict=False).join(own, on="problem_id", how="inner", validate="1:1")
        for name, side in self._sides.items():
            frame = frame.join(_lists(side.between(low, high), name), on="problem_id", how="left")
        if self._asked is not None:
            frame = frame.join(_lists(_range(self._asked, low, high), REQUESTS), on="problem_id", how="left")
        return frame

    def _open(self, manifest: Manifest, name: str) -> Ranged:
        self._files.look(self._storage, manifest.files[name])
        return self._opened.enter_context(Ranged(self._storage, manifest.files[name]))

    def _columns(self, file: FileRef, columns: list[str] | None = None) -> pl.DataFrame:
        with self._storage.opened(self._files.look(self._storage, file)) as opened:
            return pl.DataFrame(pq.ParquetFile(opened, pre_buffer=True).read(columns))

    def _requests(self, asking: Sequence[Manifest]) -> pl.DataFrame:
        """What was asked for the kept rows of the shard. Stages keep it by key; here it is sorted, keys in bytes."""
        kept = pl.DataFrame({"problem_id": self.ids}, schema={"problem_id": pl.String})
        none = {
            "problem_id": pl.String,
            "stage": pl.String,
            "role": pl.String,
            "key": pl.Binary,
            "microusd": pl.Int64,
        }
        frames = [pl.DataFrame(schema=none)]
        for place, one in enumerate(asking):
            found = self._columns(one.files[ASKED_TABLE])
            frames.append(
                found.join(kept, on="problem_id", how="semi")
                .with_columns(pl.col("key").str.decode("hex"), stage=pl.lit(one.stage), place=pl.lit(place))
                .sort("problem_id", "place", "role", "key")
                .select(list(none))
            )
        return pl.concat(frames).sort("problem_id", maintain_order=True)


def _range(asked: pl.DataFrame, low: str, high: str | None) -> pl.DataFrame:
    ids = asked["problem_id"]
    start = ids.search_sorted(low, "left")
    end = asked.height if high is None else ids.search_sorted(high, "left")
    return asked.slice(start, end - start).with_columns(pl.col("key").bin.encode("hex"))


def _lists(side: pl.DataFrame, name: str) -> pl.DataFrame:
    """A side table as one list of structs for each problem, in the table's order."""
    inner = [column for column in side.columns if column != "problem_id"]
    return side.group_by("problem_id", maintain_order=True).agg(pl.struct(inner).alias(name))


def empty(storage: Storage, chain: Chain, *, evidence: bool) -> pl.DataFrame:
    """No rows, with the columns that `joined` gives for these stages."""
    with ExitStack() as opened:
        return _ChainReader(storage, chain, 0, 0, evidence, opened, Files(strict=False)).between("", "")


def rewritten_later(storage: Storage, chain: Chain) -> bool:
    """Whether a stage after the last decontamination writes questions, so that they may differ from what it saw."""
    stages = chain[1:]
    writes = [{"question", "decontaminated_question"} & set(_columns(storage, one)) for one in stages]
    for written in reversed(writes):
        if "decontaminated_question" in written:
            return False
        if "question" in written:
            return True
    return True


def _columns(storage: Storage, manifest: Manifest) -> list[str]:
    with storage.opened(manifest.files[VERDICTS].name) as opened:
        return list(pq.read_schema(opened).names)
