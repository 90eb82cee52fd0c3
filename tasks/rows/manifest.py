"""Manifests: what a stage made of a shard. A manifest is written last, so its existence means done.

It is found by the stage's fingerprint, the shard and the digest of the manifest it was made from; readers
follow manifests and never list. Counting is part of it: rows in = kept + dropped + quarantined, or
`ConservationError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import AlreadyExists, ConservationError, StorageError
from tasks.rows.fingerprint import digest, digest_bytes
from tasks.rows.storage import Storage
from tasks.rows.table_file import TableFile
from tasks.rows.tables import decode, encode
from tasks.rows.verdict import Verdict

VERDICTS = "verdicts"
ROWS_READ_WHOLE = 100_000
"""Of larger tables only the columns that are wanted are held; of smaller ones one request gets all."""
Fates = Counter[tuple[str, str | None]]
"""Rows by verdict and reason."""


class FileRef(BaseModel):
    """One Parquet file of a manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name under the storage root")
    digest: str = Field(description="SHA-256 of the bytes")
    rows: int


class Manifest(BaseModel):
    """A finished stage of a shard (or of everything, for the stages that are global)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    fingerprint: str = Field(description="Of the stage: name, version, settings, prompts, models, upstream")
    shard: str
    upstream: str = Field(description="Digest of the manifest this one was made from")
    rows_in: int
    kept: int
    dropped: dict[str, int] = Field(description="Rows by drop reason")
    quarantined: dict[str, int] = Field(description="Rows by quarantine reason")
    files: dict[str, FileRef]

    @cached_property
    def digest(self) -> str:
        """Identity of this manifest, and through it of every byte it leads to."""
        return digest(self)

    def check_conservation(self) -> None:
        """Raise `ConservationError` unless every row that came in has a fate."""
        out = self.kept + sum(self.dropped.values()) + sum(self.quarantined.values())
        if out != self.rows_in:
            raise ConservationError(
                f"{self.stage} of {self.shard}: {self.rows_in} rows in, but {self.kept} kept, {self.dropped} "
                f"dropped and {self.quarantined} quarantined make {out}. Nothing was written."
            )


def folder(stage: str, fingerprint: str, shard: str) -> str:
    """Where a stage's files of one shard lie."""
    return f"stages/{stage}/{fingerprint[:16]}/{shard}"


def _name(stage: str, fingerprint: str, shard: str, upstream: str) -> str:
    return f"{folder(stage, fingerprint, shard)}/manifest-{upstream[:16]}.json"


def name_of(manifest: Manifest) -> str:
    """The name that a manifest lies under."""
    return _name(manifest.stage, manifest.fingerprint, manifest.shard, manifest.upstream)


def find(storage: Storage, stage: str, fingerprint: str, shard: str, upstream: str) -> Manifest | None:
    """The finished manifest, or None."""
    name = _name(stage, fingerprint, shard, upstream)
    if not storage.exists(name):
        return None
    return Manifest.model_validate_json(storage.read(name))


def find_all(storage: Storage, stage: str, fingerprint: str) -> list[Manifest]:
    """Every finished manifest of a stage. For the one place that must list: finding older intakes."""
    names = [n for n in storage.list(f"stages/{stage}/{fingerprint[:16]}") if n.endswith(".json")]
    return [Manifest.model_validate_json(data) for data in storage.read_all(names).values()]


def commit(
    storage: Storage,
    *,
    stage: str,
    fingerprint: str,
    shard: str,
    upstream: str,
    rows_in: int,
    verdicts: pl.DataFrame,
    tables: dict[str, pl.DataFrame],
    also: Mapping[str, FileRef] | None = None,
) -> Manifest:
    """Write the tables, then the manifest. `verdicts` has columns verdict and reason, one row per row in.

    Data files are named by their content, so a crash before the manifest leaves files that the next try
    finds and shares. `also` names files that lie elsewhere and are already written. If another writer was
    first with this manifest, its word stands.
    """
    manifest = _counted(stage, fingerprint, shard, upstream, rows_in, counts(verdicts))
    where = folder(stage, fingerprint, shard)
    files = {name: _put(storage, where, name, frame) for name, frame in {VERDICTS: verdicts, **tables}.items()}
    return _create(storage, manifest.model_copy(update={"files": {**files, **(also or {})}}))


def commit_files(
    storage: Storage,
    *,
    stage: str,
    fingerprint: str,
    shard: str,
    upstream: str,
    rows_in: int,
    fates: Fates,
    tables: Mapping[str, TableFile],
) -> Manifest:
    """`commit` of tables that memory does not hold: files on local disk, the verdicts among them and counted."""
    manifest = _counted(stage, fingerprint, shard, upstream, rows_in, fates)
    where = folder(stage, fingerprint, shard)
    files = {name: _put_file(storage, where, name, file) for name, file in tables.items()}
    return _create(storage, manifest.model_copy(update={"files": files}))


def counts(verdicts: pl.DataFrame) -> Fates:
    """How many rows have which verdict for which reason."""
    return Counter(
        {(verdict, reason): n for verdict, reason, n in verdicts.group_by("verdict", "reason").len().rows()}
    )


def _counted(stage: str, fingerprint: str, shard: str, upstream: str, rows_in: int, fates: Fates) -> Manifest:
    """A manifest that names no files yet. Raises `ConservationError`."""
    manifest = Manifest(
        stage=stage,
        fingerprint=fingerprint,
        shard=shard,
        upstream=upstream,
        rows_in=rows_in,
        kept=sum(n for (verdict, _), n in fates.items() if verdict == Verdict.KEEP),
        dropped=_by_reason(fates, Verdict.DROP),
        quarantined=_by_reason(fates, Verdict.QUARANTINE),
        files={},
    )
    manifest.check_conservation()
    return manifest


def _create(storage: Storage, manifest: Manifest) -> Manifest:
    try:
        storage.create(name_of(manifest), manifest.model_dump_json(indent=1).encode("utf-8"))
    except AlreadyExists:
        first = find(storage, manifest.stage, manifest.fingerprint, manifest.shard, manifest.upstream)
        assert first is not None  # noqa: S101 - it was there a moment ago, and a rebuild runs alone
        return first
    return manifest


def read(
    storage: Storage, manifest: Manifest, name: str = VERDICTS, columns: list[str] | None = None
) -> pl.DataFrame:
    """One of a manifest's tables. Raises `StorageError` if its bytes are not those that were committed."""
    file = manifest.files[name]
    in_parts = columns is not None and file.rows > ROWS_READ_WHOLE
    data = b"" if in_parts else storage.read(file.name)
    if (storage.digest(file.name) if in_parts else digest_bytes(data)) != file.digest:
        raise StorageError(
            f"{storage.root}/{file.name} is not what {manifest.stage} of {manifest.shard} wrote: its digest "
            f"differs. Restore the file; or delete the stage's folder, and the stage runs again for free."
        )
    if not in_parts:
        return decode(data, columns)
    with storage.opened(file.name) as opened:
        return pl.DataFrame(pq.ParquetFile(opened).read(columns)).select(columns)


def summed(shards: Sequence[Manifest]) -> dict[str, Any]:
    """What a stage got and did over all its shards: stage, rows_in, kept, and dropped and quarantined by reason."""
    dropped: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    for one in shards:
        dropped.update(one.dropped)
        quarantined.update(one.quarantined)
    return {
        "stage": shards[0].stage,
        "rows_in": sum(one.rows_in for one in shards),
        "kept": sum(one.kept for one in shards),
        "dropped": dict(sorted(dropped.items())),
        "quarantined": dict(sorted(quarantined.items())),
    }


def _put(storage: Storage, where: str, name: str, frame: pl.DataFrame) -> FileRef:
    data = encode(frame)
    identity = digest_bytes(data)
    path = f"{where}/{name}-{identity[:16]}.parquet"
    storage.put(path, data)
    return FileRef(name=path, digest=identity, rows=frame.height)


def _put_file(storage: Storage, where: str, name: str, file: TableFile) -> FileRef:
    path = f"{where}/{name}-{file.digest[:16]}.parquet"
    storage.put_file(path, file.path, file.digest)
    return FileRef(name=path, digest=file.digest, rows=file.rows)


def _by_reason(fates: Fates, verdict: Verdict) -> dict[str, int]:
    return {str(reason): n for (found, reason), n in sorted(fates.items(), key=str) if found == verdict}
