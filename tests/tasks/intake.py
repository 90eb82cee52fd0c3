"""Intakes as collecting makes them, for tests that run stages or look at rows without the flow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tasks import world
from tasks.collect.duplicates import Settings
from tasks.collect.intake import Intake
from tasks.collect.older import Before
from tasks.collect.semantic import Embed
from tasks.collect.source import RawRow, Source, read
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.manifest import VERDICTS, Manifest
from tasks.rows.storage import Storage
from tasks.world import Where

_AS_SHIPPED = Settings()


def collected(where: Where, lines: Iterable[bytes]) -> Manifest:
    """The intake of a JSON Lines source, committed under the root."""
    return committed(world.storage(where.root), read(Source(name="own", path="own.jsonl"), lines), fingerprint="f")


def collect(
    rows: Sequence[RawRow],
    earlier: Sequence[Sequence[RawRow]] = (),
    settings: Settings = _AS_SHIPPED,
    embed: Embed | None = None,
    files: int = 2,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Verdicts and problems of an intake of `rows`, after one for each of `earlier`. Row ids are hex digits."""
    with TemporaryDirectory() as root:
        storage, chain = Storage(root), list[Manifest]()
        for own in (*earlier, rows):
            chain.append(committed(storage, own, chain, settings, embed, files))
        return (
            manifests.read(storage, chain[-1], VERDICTS).to_dicts(),
            manifests.read(storage, chain[-1], PROBLEMS).to_dicts(),
        )


def committed(
    storage: Storage,
    rows: Iterable[RawRow],
    chain: Sequence[Manifest] = (),
    settings: Settings = _AS_SHIPPED,
    embed: Embed | None = None,
    files: int = 2,
    fingerprint: str = "f" * 64,
) -> Manifest:
    """The intake of `rows` after those of `chain`, kept in `files` files meanwhile."""
    with TemporaryDirectory() as folder:
        intake = Intake(Path(folder, "intake"), settings, embed, files)
        intake.gather(rows)
        made = intake.make(Before(storage, chain))
        return manifests.commit_files(
            storage,
            stage="collect",
            fingerprint=fingerprint,
            shard=made.name,
            upstream=chain[-1].digest if chain else "g",
            rows_in=made.tables[VERDICTS].rows,
            fates=made.fates,
            tables=made.tables,
        )
