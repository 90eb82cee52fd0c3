"""Rows through the gate into data files on local disk, a few thousand at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from tasks.errors import GateRefused
from tasks.ledger.store import StoredReply
from tasks.publish import exports, reading
from tasks.publish.culprits import other_than_stored
from tasks.publish.publishing import Gate, Settings
from tasks.publish.reading import Chain
from tasks.publish.release import Counts
from tasks.publish.writing import DataFile, Shards
from tasks.rows import manifest as manifests
from tasks.rows.problem import BUCKETS
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.rows.tables import table
from tasks.rows.verdict import Decision, Verdict
from tasks.stage import ASKED_TABLE
from tasks.verify.consensus import Compares

TRAIN, TEST = "train", "test"
_VERDICTS = {"problem_id": pl.String, "verdict": pl.String, "reason": pl.String}
_NAMED = 20
Replies = Callable[[Sequence[str]], Mapping[str, StoredReply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Data files, the columns of each export, the verdict on every row, and what was counted."""

    files: Sequence[DataFile]
    schemas: Mapping[str, pa.Schema]
    verdicts: pl.DataFrame
    counts: Counts


def make(
    storage: Storage, settings: Settings, shards: Sequence[Shard], chains: Sequence[Chain], verifier: Compares,
    folder: Path, replies: Replies,
) -> Made:  # fmt: skip
    """Write all exports into `folder`. Holds some thousand rows at a time, whatever their number.

    Raises `GateRefused` where rows or files were changed since they were verified, naming them. `replies` gives
    stored replies by key: where a file was changed, solutions are held against them to find the rows.
    """
    evidence = "full" in settings.exports
    none = reading.empty(storage, chains[0], evidence=evidence)
    schemas: dict[str, pa.Schema] = {export: exports.table(export, none, TRAIN).schema for export in settings.exports}
    gate = Gate(settings, verifier, rewritten_later=reading.rewritten_later(storage, chains[0]))
    verdicts, counts = [pl.DataFrame(schema=_VERDICTS)], Counts()
    with ExitStack() as opened:
        writers = {
            (export, split): opened.enter_context(
                Shards(folder, export, split, schemas[export], settings.shard_mib << 20)
            )
            for export in settings.exports
            for split in ((TRAIN, TEST) if settings.held_out else (TRAIN,))
        }
        files = reading.Files(strict=False)
        for frame in reading.joined(storage, shards, chains, evidence=evidence, files=files):
            decisions = gate.decide(frame.select(_looked_at(frame)).to_dicts())
            verdicts.append(_verdicts(frame, decisions))
            if files.changed:
                gate.changed.update(_culprits(frame, replies))
            kept = frame.filter(pl.Series([one.verdict is Verdict.KEEP for one in decisions], dtype=pl.Boolean))
            for split, rows in _splits(kept, settings):
                counts.add(rows, split)
                for export in settings.exports:
                    writers[export, split].write(exports.table(export, rows, split).cast(schemas[export]))
        if gate.changed or files.changed:
            raise GateRefused(_refusal(gate.changed, files.changed))
        written = [file for writer in writers.values() for file in writer.finish()]
    return Made(files=written, schemas=schemas, verdicts=pl.concat(verdicts), counts=counts)


def costs(storage: Storage, chains: Sequence[Chain]) -> dict[tuple[int, str], tuple[int, int]]:
    """Requests and micro-dollars of the replies that rows rest on, by a stage's place in its chain and its name.

    A reply that several rows share is counted with each of them, so that shards make no difference.
    """
    requests: Counter[tuple[int, str]] = Counter()
    microusd: Counter[tuple[int, str]] = Counter()
    for chain in chains:
        for place, one in enumerate(chain):
            if ASKED_TABLE in one.files:
                asked = manifests.read(storage, one, ASKED_TABLE, ["microusd"])["microusd"]
                requests[place, one.stage] += asked.len()
                microusd[place, one.stage] += int(asked.sum())
    return {key: (n, microusd[key]) for key, n in requests.items()}


_GATE_READS = (
    *("problem_id", "question", "decontaminated_question", "final_answer", "topic", "solutions", "second_solutions"),
    *("difficulty_rounded", "answer_type", "source_answer", "kept_by", "verify_rule"),
)


def _looked_at(frame: pl.DataFrame) -> list[str]:
    return [name for name in _GATE_READS if name in frame.columns]


def _verdicts(frame: pl.DataFrame, decisions: Sequence[Decision]) -> pl.DataFrame:
    return table(
        (
            {"problem_id": one, "verdict": decision.verdict.value, "reason": decision.reason}
            for one, decision in zip(frame["problem_id"], decisions, strict=True)
        ),
        _VERDICTS,
    )


def _splits(rows: pl.DataFrame, settings: Settings) -> list[tuple[str, pl.DataFrame]]:
    """The rows of each split: held out are the last buckets, so a row stays where it is whatever rows come later."""
    first = BUCKETS - round(settings.held_out * BUCKETS)
    held_out = rows["bucket"] >= first
    parts = [(TRAIN, rows.filter(~held_out)), (TEST, rows.filter(held_out))]
    return [(split, part) for split, part in parts if part.height]


def _culprits(frame: pl.DataFrame, replies: Replies) -> dict[str, str]:
    if not {"solutions", "solution_keys"} <= set(frame.columns):
        return {}
    rows = frame.select("problem_id", "solutions", "solution_keys").drop_nulls().to_dicts()
    return dict(other_than_stored(rows, replies([key for row in rows for key in row["solution_keys"]])))


def _refusal(changed: Mapping[str, str], files: Sequence[str]) -> str:
    named = "\n".join(f"  {identity}: {why}" for identity, why in sorted(changed.items())[:_NAMED])
    more = f"\n  and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    other = "".join(f"\n  {name}: its digest differs from what its stage wrote" for name in files[:_NAMED])
    return (
        f"{len(changed)} rows and {len(files)} files are not what was verified; nothing is published. Restore them, "
        f"or delete the folders of the stages that wrote them and run again, which is free.{other}\n{named}{more}"
    )
