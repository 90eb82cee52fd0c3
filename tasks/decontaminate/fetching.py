"""The questions of a published benchmark, read from the Hugging Face Hub or from a copy of it."""

from __future__ import annotations

import io
import json

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
    """Of Parquet, CSV, a JSON array of objects, or else JSON lines."""
    if path.endswith((".parquet", ".csv")):
        read = pl.read_csv if path.endswith(".csv") else pl.read_parquet
        try:
            return read(io.BytesIO(content), columns=[column])[column].cast(pl.String).to_list()
        except pl.exceptions.PolarsError as fault:
            raise SourceError(f"{path}: no column {column!r} can be read: {fault}") from fault
    if content.lstrip().startswith(b"["):
        content = _as_lines(path, content)
    return list(questions(Benchmark(name="fetched", path=path, column=column), content))


def _as_lines(path: str, content: bytes) -> bytes:
    try:
        return b"\n".join(json.dumps(row).encode() for row in json.loads(content))
    except ValueError as fault:
        raise SourceError(f"{path}: neither a JSON array nor JSON lines ({fault})") from fault
