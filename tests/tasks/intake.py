"""An intake as collecting makes it, for tests that run stages without the flow."""

from __future__ import annotations

from collections.abc import Iterable

from tasks import world
from tasks.collect import collecting
from tasks.collect.source import Source, read
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.tables import table
from tasks.world import Where


def collected(where: Where, lines: Iterable[bytes]) -> Manifest:
    """The intake of a JSON Lines source, committed under the root."""
    rows = list(read(Source(name="own", path="own.jsonl"), lines))
    verdicts, problems = collecting.collect(rows, {})
    return manifests.commit(
        world.storage(where.root),
        stage="collect",
        fingerprint="f",
        shard="intake",
        upstream="g",
        rows_in=len(rows),
        verdicts=table(verdicts, collecting.VERDICTS),
        tables={"problems": table(problems, collecting.PROBLEMS)},
    )
