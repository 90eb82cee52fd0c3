"""What every stage's Prefect task shares: its options, and a state named Reused when nothing had to be done.

Prefect decides when a shard runs; the manifests decide whether there is anything to do. So results are not
cached or persisted by Prefect, and wiping its database repays nothing.
"""

from __future__ import annotations

import logging
from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks.rows.manifest import Manifest
from tasks.stage import Done

logging.getLogger("tasks").setLevel(logging.INFO)  # what our modules log is shown beside the task run, on Ray too

OPTIONS: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False, "retries": 0}


def state(done: Done) -> State[Manifest]:
    """The completed state of a shard's task run, with row counts as its message."""
    manifest = done.manifest
    lost = sum(manifest.dropped.values()) + sum(manifest.quarantined.values())
    return Completed(
        name="Reused" if done.reused else "Completed",
        message=f"{manifest.rows_in} rows in, {manifest.kept} kept, {lost} dropped or quarantined",
        data=manifest,
    )
