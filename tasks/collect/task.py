"""Collect as a Prefect task: read the sources, find what is new, write an intake."""

from __future__ import annotations

from collections.abc import Iterator, Set
from functools import partial

import polars as pl
from prefect import task

from tasks import world
from tasks.collect import collecting, opening
from tasks.collect.collecting import Intake
from tasks.collect.duplicates import Settings
from tasks.collect.semantic import Embed
from tasks.collect.source import RawRow, Source
from tasks.collect.texts import Text
from tasks.embedding import vectors
from tasks.embedding.vectors import KeptVectors
from tasks.errors import SourceError
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.fingerprint import digest, digest_bytes
from tasks.rows.manifest import VERDICTS, Manifest
from tasks.rows.problem import problem_id
from tasks.rows.storage import Storage
from tasks.rows.tables import encode, table
from tasks.task import OPTIONS
from tasks.world import Where

STAGE = "collect"
_AS_SHIPPED = Settings()


def fingerprint(sources: list[Source], settings: Settings = _AS_SHIPPED) -> str:
    """Identity of a pool: what its sources are called and how they are read, not where they lie."""
    return digest(
        {
            "stage": STAGE,
            "version": collecting.VERSION,
            "settings": settings,
            "sources": [source.identity() for source in sources],
        }
    )


@task(name="collect", task_run_name="collect", **OPTIONS)
def collect(sources: list[Source], where: Where, settings: Settings = _AS_SHIPPED) -> list[Manifest]:
    """The intakes that hold every row of the sources, oldest first; the last is new if rows are new.

    Raises `SourceError` if a source is missing, empty, or nothing in it can be read; nothing was spent then.
    """
    storage = world.storage(where.root)
    pool = fingerprint(sources, settings)
    older = {manifest.digest: manifest for manifest in manifests.find_all(storage, STAGE, pool)}
    seen = [_intake(storage, manifest) for manifest in older.values()]
    present, new = _unseen(sources, frozenset().union(*(intake.row_ids for intake in seen)))
    standing = collecting.standing(seen, present, genesis=pool)
    chain = [older[one] for one in standing]
    if len(standing) < len(seen):  # rows of the others are new again
        known = frozenset().union(*(intake.row_ids for intake in seen if intake.digest in standing))
        _, new = _unseen(sources, known)
    if new:
        chain.append(_write(storage, pool, new, chain, settings))
    return chain


def rows_of(
    intakes: list[Manifest], sources: list[Source], where: Where, settings: Settings = _AS_SHIPPED
) -> list[list[RawRow]]:
    """For each intake of a run, oldest first, the rows it was collected from, as the sources have them now.

    Raises `SourceError` if collecting those rows would not give the very same intake.
    """
    storage = world.storage(where.root)
    present = [row for source in sources for row in read_source(source)]
    found = []
    for i, manifest in enumerate(intakes):
        seen = _intake(storage, manifest).row_ids
        found.append([row for row in present if row.row_id in seen])
        made = _tables(storage, found[-1], intakes[:i], settings)
        if any(digest_bytes(encode(frame)) != manifest.files[name].digest for name, frame in made.items()):
            raise SourceError(
                f"the sources ({', '.join(source.place for source in sources)}) no longer give {manifest.shard}: "
                f"{len(found[-1])} of its {len(seen)} rows are in them, or their order has changed. Restore them, "
                "or run the recipe to curate what they are now. Nothing was changed."
            )
    return found


def again(
    rows: list[list[RawRow]], sources: list[Source], where: Where, settings: Settings = _AS_SHIPPED
) -> list[Manifest]:
    """Write intakes anew, each from the rows that `rows_of` gave for it."""
    chain: list[Manifest] = []
    for own in rows:
        chain.append(_write(world.storage(where.root), fingerprint(sources, settings), own, chain, settings))
    return chain


def read_source(source: Source) -> Iterator[RawRow]:
    """All rows of a source, bad ones included. Raises `SourceError` at its end if it has none that can be read."""
    first: RawRow | None = None
    readable = False
    for row in opening.rows(source):
        first = first or row
        readable = readable or row.fault is None
        yield row
    if first is None:
        raise SourceError(f"source {source.name!r}: {source.place} is empty: no row in it is the source's")
    if not readable:
        raise SourceError(
            f"source {source.name!r}: no row of {source.place} can be read as a problem. First fault: "
            f"{first.locator}: {first.fault}. Each row must be an object with the question in field "
            f"{source.columns.question!r}."
        )


def _unseen(sources: list[Source], seen: Set[str]) -> tuple[set[str], list[RawRow]]:
    """Identities of all rows of the sources, and the rows that are not among those seen. Others are not held."""
    present: set[str] = set()
    new = []
    for row in (row for source in sources for row in read_source(source)):
        present.add(row.row_id)
        if row.row_id not in seen:
            new.append(row)
    return present, new


def _intake(storage: Storage, manifest: Manifest) -> Intake:
    seen = manifests.read(storage, manifest, columns=["row_id"])["row_id"]
    return Intake(digest=manifest.digest, upstream=manifest.upstream, row_ids=frozenset(seen))


def _write(storage: Storage, pool: str, rows: list[RawRow], chain: list[Manifest], settings: Settings) -> Manifest:
    made = _tables(storage, rows, chain, settings)
    return manifests.commit(
        storage,
        stage=STAGE,
        fingerprint=pool,
        shard=f"intake-{digest(sorted(row.row_id for row in rows))[:12]}",
        upstream=chain[-1].digest if chain else pool,
        rows_in=len(rows),
        verdicts=made[VERDICTS],
        tables={PROBLEMS: made[PROBLEMS]},
    )


def _tables(
    storage: Storage, rows: list[RawRow], chain: list[Manifest], settings: Settings
) -> dict[str, pl.DataFrame]:
    """The tables of an intake of `rows` that comes after those in `chain`."""
    taken: dict[str, str] = {}
    older: list[Text] = []
    for manifest in chain:
        kept = manifests.read(storage, manifest, PROBLEMS, ["normal_form", "row_id", "original", "source_answer"])
        taken.update(zip(kept["normal_form"], kept["row_id"], strict=True))
        older += (Text(*row) for row in kept["row_id", "original", "source_answer"].iter_rows())
    verdicts, problems = collecting.collect(rows, taken, older, settings, _embed(storage, settings))
    return {VERDICTS: table(verdicts, collecting.VERDICTS), PROBLEMS: table(problems, collecting.PROBLEMS)}


def _embed(storage: Storage, settings: Settings) -> Embed | None:
    """Vectors from under the root, where the other stages with this embedder find them too."""
    how = settings.semantic_duplicates
    if how is None:
        return None
    kept = partial(KeptVectors, storage, how.embedder)
    return lambda texts: vectors.of_rows(((problem_id(text.question), (text.question,)) for text in texts), kept)
