"""Publish as a Prefect task: join all shards, check every row, write the data set, then the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
from prefect import task

from tasks import world
from tasks.publish import publishing
from tasks.publish.card import card
from tasks.rows import chain as chains
from tasks.rows import manifest as manifests
from tasks.rows.fingerprint import digest, digest_bytes
from tasks.rows.manifest import FileRef, Manifest
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.rows.verdict import Verdict
from tasks.stage import PlannedStage, Stage, tables
from tasks.task import OPTIONS
from tasks.world import Where

STAGE = Stage(name="publish", version=publishing.VERSION, settings=publishing.Settings, columns={})
ALL = "all"
DATASET = "dataset"


@task(name="publish", task_run_name="publish", **OPTIONS)
def publish(
    planned: PlannedStage,
    recipe: str,
    models: Mapping[str, str],
    shards: Sequence[Shard],
    chains_by_shard: Sequence[Sequence[Manifest]],
    where: Where,
) -> Manifest:
    """The manifest of the data set. `models` maps every role of the recipe to the model that filled it."""
    storage = world.storage(where.root)
    upstream = digest(sorted(chain[-1].digest for chain in chains_by_shard))
    found = manifests.find(storage, STAGE.name, planned.fingerprint, ALL, upstream)
    if found is not None:
        return found
    frames = [chains.rows(storage, shard, chain) for shard, chain in zip(shards, chains_by_shard, strict=True)]
    rows = pl.concat([f for f in frames if f.height] or frames[:1]).sort("problem_id").to_dicts()
    decisions = publishing.check(rows) if rows else []
    verdicts, _ = tables(STAGE, rows, decisions)
    kept = [row for row, d in zip(rows, decisions, strict=True) if d.verdict is Verdict.KEEP]
    return manifests.commit(
        storage,
        stage=STAGE.name,
        fingerprint=planned.fingerprint,
        shard=ALL,
        upstream=upstream,
        rows_in=len(rows),
        verdicts=verdicts,
        tables={},
        also={DATASET: _write(storage, recipe, models, kept)},
    )


def _write(storage: Storage, recipe: str, models: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> FileRef:
    """Write data and card into a folder named by their content; the name of a rehearsal says that it is one."""
    data = publishing.parquet(publishing.released(rows))
    identity = digest_bytes(data)
    rehearsal = any(model.startswith("rehearsal/") for model in models.values())
    sources = Counter((row["source"], row["licence"]) for row in rows)
    describe = partial(card, recipe=recipe, rows=len(rows), sources=sources, models=models)
    edition = digest([identity, describe(name=recipe)])
    name = f"{'rehearsal-' if rehearsal else ''}{recipe}-{edition[:12]}"
    storage.put(f"datasets/{name}/README.md", describe(name=name).encode("utf-8"))
    path = f"datasets/{name}/train-00000-of-00001.parquet"
    storage.put(path, data)
    return FileRef(name=path, digest=identity, rows=len(rows))
