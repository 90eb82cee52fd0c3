"""Publish as a Prefect task: join all shards, check every row, write the data set, then the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import task

from tasks import world
from tasks.errors import GateRefused
from tasks.ledger.store import StoredReply
from tasks.publish import licences, publishing
from tasks.publish.assembling import CARD, DataSet, data_set
from tasks.publish.making import Made, costs, make
from tasks.publish.publishing import Settings
from tasks.publish.release import Release, counted, steps
from tasks.rows import manifest as manifests
from tasks.rows.fingerprint import digest, digest_bytes
from tasks.rows.manifest import FileRef, Manifest
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.stage import PlannedStage, Stage
from tasks.task import OPTIONS
from tasks.verify.pool import CPU_SECONDS, MEMORY_BYTES, shared
from tasks.world import Where

STAGE = Stage(name="publish", version=publishing.VERSION, settings=publishing.Settings, columns={})
ALL = "all"
DATASET = "dataset"
"""The manifest's file that stands for the data set: its card. The data files are `dataset/<name>`."""
_LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"


@task(name="publish", task_run_name="publish", **OPTIONS)
def publish(
    planned: PlannedStage,
    release: Release,
    shards: Sequence[Shard],
    chains: Sequence[Sequence[Manifest]],
    where: Where,
) -> Manifest:
    """The manifest of the data set; `chains` are the shards' manifests, each beginning with the intake's.

    Raises `GateRefused`, before anything is written under the root, where a row was changed since it was verified, or
    where the licences of the sources forbid each other.
    """
    storage = world.storage(where.root)
    upstream = digest(sorted(chain[-1].digest for chain in chains))
    found = manifests.find(storage, STAGE.name, planned.fingerprint, ALL, upstream)
    if found is not None:
        return found
    settings = Settings.model_validate(planned.settings)
    with TemporaryDirectory(prefix="publish-") as folder:
        verifier = shared(CPU_SECONDS, MEMORY_BYTES)
        made = make(storage, settings, shards, chains, verifier, Path(folder), partial(_replies, where.root))
        whole = _described(storage, release, chains, made)
        files = _put(storage, whole, made)
    return manifests.commit(
        storage,
        stage=STAGE.name,
        fingerprint=planned.fingerprint,
        shard=ALL,
        upstream=upstream,
        rows_in=made.verdicts.height,
        verdicts=made.verdicts,
        tables={},
        also=files,
    )


def _replies(root: str, keys: Sequence[str]) -> Mapping[str, StoredReply]:
    store = world.reply_store(root)
    store.refresh()
    return store.get_many(keys)


def _described(storage: Storage, release: Release, chains: Sequence[Sequence[Manifest]], made: Made) -> DataSet:
    mix = licences.mixed(licence for _, licence in made.counts.sources)
    if mix.clash:
        raise GateRefused(
            f"licences of the sources cannot go together: {mix.clash}. Run a recipe for each group of sources; their "
            "replies are stored and cost nothing again."
        )
    funnel = [*steps(chains, costs(storage, chains)), counted("publish", made.verdicts)]
    return data_set(release, made.counts, funnel, mix, made.files, made.schemas, _LOCK.read_bytes())


def _put(storage: Storage, whole: DataSet, made: Made) -> dict[str, FileRef]:
    """Write the files, the card last, so that a data set with a card is whole."""
    folder = f"datasets/{whole.name}"
    files = {}
    for one in made.files:
        storage.put(f"{folder}/{one.name}", one.local.read_bytes())
        files[f"{DATASET}/{one.name}"] = FileRef(name=f"{folder}/{one.name}", digest=one.digest, rows=one.rows)
    for name, text in sorted(whole.texts.items(), key=lambda named: named[0] == CARD):
        storage.put(f"{folder}/{name}", text)
    card = FileRef(name=f"{folder}/{CARD}", digest=digest_bytes(whole.texts[CARD]), rows=made.counts.rows)
    return {DATASET: card, **files}
