"""The questions of a published benchmark, read from the Hugging Face Hub or from a copy of it."""

from __future__ import annotations

import io

import polars as pl

from tasks import world
from tasks.decontaminate.benchmarks import Benchmark, questions
from tasks.decontaminate.registry import Known
from tasks.errors import SourceError


def fetch(known: Known, hub: str) -> list[str]:
    """The questions of all its files, in their order.

    `hub` is a folder or fsspec URL that holds `<owner>/<name>/<file>`; on hf:// the pinned revision is read. Raises
    `SourceError` where a file is not to be had, has no such column, or the count is not the registered one.
    """
    at = f"@{known.revision}" if known.revision and hub.startswith("hf://") else ""
    paths = [path for file in known.files for path in world.matching(f"{hub}/{known.hub}{at}/{file}")]
    found = [text for path in paths for text in _texts(path, world.read_outside(path), str(known.column))]
    if known.rows is not None and len(found) != known.rows:
        raise SourceError(
            f"{known.hub}: {len(found)} questions in {', '.join(paths)}, but {known.rows} are registered"
        )
    return found


def _texts(path: str, content: bytes, column: str) -> list[str]:
    if not path.endswith(".parquet"):
        return list(questions(Benchmark(name="fetched", path=path, column=column), content))
    try:
        return pl.read_parquet(io.BytesIO(content), columns=[column])[column].cast(pl.String).to_list()
    except pl.exceptions.PolarsError as fault:
        raise SourceError(f"{path}: no column {column!r} can be read: {fault}") from fault
