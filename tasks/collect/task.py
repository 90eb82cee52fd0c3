"""Collect as a Prefect task: read the sources, find what is new, write an intake."""

from __future__ import annotations

from prefect import task

from tasks import world
from tasks.collect import collecting
from tasks.collect.collecting import Intake
from tasks.collect.source import RawRow, Source, read
from tasks.errors import SourceError
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.fingerprint import digest
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tasks.rows.tables import table
from tasks.task import OPTIONS
from tasks.world import Where

STAGE = "collect"


def fingerprint(sources: list[Source]) -> str:
    """Identity of a pool: what its sources are called and how they are read, not where they lie."""
    return digest(
        {"stage": STAGE, "version": collecting.VERSION, "sources": [source.identity() for source in sources]}
    )


@task(name="collect", task_run_name="collect", **OPTIONS)
def collect(sources: list[Source], where: Where) -> list[Manifest]:
    """The intakes that hold every row of the sources, oldest first; the last is new if rows are new.

    Raises `SourceError` if a source is missing, empty, or nothing in it can be read; nothing was spent then.
    """
    storage = world.storage(where.root)
    pool = fingerprint(sources)
    rows = [row for source in sources for row in read_source(source)]
    older = {manifest.digest: manifest for manifest in manifests.find_all(storage, STAGE, pool)}
    seen = [_intake(storage, manifest) for manifest in older.values()]
    standing = collecting.standing(seen, {row.row_id for row in rows}, genesis=pool)
    chain = [older[one] for one in standing]
    known = {row_id for intake in seen if intake.digest in standing for row_id in intake.row_ids}
    new = [row for row in rows if row.row_id not in known]
    if new:
        chain.append(_write(storage, pool, new, chain))
    return chain


def read_source(source: Source) -> list[RawRow]:
    """All rows of a source, bad ones included."""
    with world.open_outside(source.path) as lines:
        rows = list(read(source, lines))
    if not rows:
        raise SourceError(f"source {source.name!r}: {source.path} is empty; it must hold one JSON object a line")
    if all(row.fault for row in rows):
        raise SourceError(
            f"source {source.name!r}: no line of {source.path} can be read as a problem. First fault: "
            f"{rows[0].locator}: {rows[0].fault}. Each line must be a JSON object with the question in field "
            f"{source.columns.question!r}."
        )
    return rows


def _intake(storage: Storage, manifest: Manifest) -> Intake:
    seen = manifests.read(storage, manifest, columns=["row_id"])["row_id"]
    return Intake(digest=manifest.digest, upstream=manifest.upstream, row_ids=frozenset(seen))


def _write(storage: Storage, pool: str, rows: list[RawRow], chain: list[Manifest]) -> Manifest:
    taken: dict[str, str] = {}
    for manifest in chain:
        kept = manifests.read(storage, manifest, PROBLEMS, ["normal_form", "row_id"])
        taken.update(zip(kept["normal_form"], kept["row_id"], strict=True))
    verdicts, problems = collecting.collect(rows, taken)
    return manifests.commit(
        storage,
        stage=STAGE,
        fingerprint=pool,
        shard=f"intake-{digest(sorted(row.row_id for row in rows))[:12]}",
        upstream=chain[-1].digest if chain else pool,
        rows_in=len(rows),
        verdicts=table(verdicts, collecting.VERDICTS),
        tables={PROBLEMS: table(problems, collecting.PROBLEMS)},
    )
