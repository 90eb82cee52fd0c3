"""Collect as a Prefect task: read the sources, find what is new, write an intake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from prefect import task

from tasks import world
from tasks.collect import collecting, opening
from tasks.collect.duplicates import Settings
from tasks.collect.intake import Intake, Made
from tasks.collect.names import group
from tasks.collect.older import Before
from tasks.collect.seen import Seen, standing, unseen
from tasks.collect.semantic import Embed
from tasks.collect.source import RawRow, Source
from tasks.embedding import vectors
from tasks.embedding.vectors import KeptVectors
from tasks.errors import SourceError, StorageError
from tasks.rows import manifest as manifests
from tasks.rows.fingerprint import digest
from tasks.rows.manifest import VERDICTS, Manifest
from tasks.rows.memory import give_back
from tasks.rows.storage import Storage
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

    Raises `SourceError` if a source is missing, empty, or nothing in it can be read, and `StorageError` if local disk
    has no room for the new rows; nothing was spent then.
    """
    storage = world.storage(where.root)
    pool = fingerprint(sources, settings)
    older = {manifest.digest: manifest for manifest in manifests.find_all(storage, STAGE, pool)}
    seen = [_seen(storage, manifest) for manifest in older.values()]
    with _room() as folder:
        intake = _gathered(storage, folder / "new", unseen(_rows(sources), seen), settings)
        stand = standing(seen, genesis=pool)
        chain = [older[one] for one in stand]
        if len(stand) < len(seen):  # rows of the others are new again
            rows = unseen(_rows(sources), [one for one in seen if one.digest in stand])
            intake = _gathered(storage, folder / "anew", rows, settings)
        if intake.rows:
            chain.append(_commit(storage, pool, intake.make(Before(storage, chain)), chain))
    give_back()
    return chain


def remade(
    intakes: list[Manifest], sources: list[Source], where: Where, folder: Path, settings: Settings = _AS_SHIPPED
) -> list[Made]:
    """The tables of each intake of a run, oldest first, made anew in `folder` from what the sources have now.

    Raises `SourceError` if they are not the very same.
    """
    storage = world.storage(where.root)
    found = []
    for i, manifest in enumerate(intakes):
        seen = _seen(storage, manifest)
        intake = _gathered(storage, folder / str(i), seen.of(_rows(sources)), settings)
        made = intake.make(Before(storage, intakes[:i]))
        if {name: file.digest for name, file in made.tables.items()} != {
            name: file.digest for name, file in manifest.files.items()
        }:
            raise SourceError(
                f"the sources ({', '.join(source.place for source in sources)}) no longer give {manifest.shard}: "
                f"{intake.rows} of its {seen.rows} rows are in them, or their order has changed. Restore them, "
                "or run the recipe to curate what they are now. Nothing was changed."
            )
        found.append(made)
    return found


def again(made: list[Made], sources: list[Source], where: Where, settings: Settings = _AS_SHIPPED) -> list[Manifest]:
    """Commit the intakes that `remade` gave."""
    chain: list[Manifest] = []
    for one in made:
        chain.append(_commit(world.storage(where.root), fingerprint(sources, settings), one, chain))
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


@contextmanager
def _room() -> Iterator[Path]:
    """A folder on local disk for the rows that memory does not hold."""
    with TemporaryDirectory(prefix="collect-") as folder:
        try:
            yield Path(folder)
        except OSError as fault:
            raise StorageError(
                f"new rows cannot be kept in {gettempdir()} while they are compared: {fault}. They need about twice "
                "their size there; set TMPDIR to a folder with more room, and run again. Nothing was written."
            ) from fault


def _rows(sources: list[Source]) -> Iterator[RawRow]:
    return (row for source in sources for row in read_source(source))


def _seen(storage: Storage, manifest: Manifest) -> Seen:
    row_ids = manifests.read(storage, manifest, columns=["row_id"])["row_id"]
    return Seen(manifest.digest, manifest.upstream, row_ids)


def _gathered(storage: Storage, folder: Path, rows: Iterable[RawRow], settings: Settings) -> Intake:
    intake = Intake(folder, settings, _embed(storage, settings))
    intake.gather(rows)
    return intake


def _commit(storage: Storage, pool: str, made: Made, chain: list[Manifest]) -> Manifest:
    return manifests.commit_files(
        storage,
        stage=STAGE,
        fingerprint=pool,
        shard=made.name,
        upstream=chain[-1].digest if chain else pool,
        rows_in=made.tables[VERDICTS].rows,
        fates=made.fates,
        tables=made.tables,
    )


def _embed(storage: Storage, settings: Settings) -> Embed | None:
    """Vectors from under the root. They lie by group, so that each part of an intake reads its own, and not among
    those of all rows, of which few are compared here.
    """
    how = settings.semantic_duplicates
    if how is None:
        return None
    kept = partial(KeptVectors, storage, how.embedder)
    return lambda texts: vectors.of_rows(
        ((group(text.signature), (text.question,)) for text in texts), kept, "groups"
    )
