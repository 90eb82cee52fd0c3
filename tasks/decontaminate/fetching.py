"""The questions of a published benchmark, read from the Hugging Face Hub, from GitHub, or from copies."""

from __future__ import annotations

import io
import json

import polars as pl

from tasks import world
from tasks.decontaminate.benchmarks import Benchmark, questions
from tasks.decontaminate.registry import Known
from tasks.errors import SourceError


def fetch(known: Known, hub: str, github: str) -> list[str]:
    """The questions of all its files, in their order.

    `hub` is a folder or fsspec URL that holds `<owner>/<name>/<file>`, and on hf:// the revision is read; `github`
    is one that holds `<owner>/<name>/<commit>/<file>`. Raises `SourceError` where a file is not to be had, has no
    such column, or the count is not the registered one.
    """
    paths = _paths(known, hub, github)
    found = [text for path in paths for text in _texts(path, world.read_outside(path), known.column)]
    if known.rows is not None and len(found) != known.rows:
        raise SourceError(
            f"{known.place}: {len(found)} questions in {', '.join(paths)}, but {known.rows} are registered"
        )
    return [text.partition(known.ends_at)[0].rstrip() for text in found] if known.ends_at else found


def _paths(known: Known, hub: str, github: str) -> list[str]:
    if known.github:
        return [f"{github}/{known.github}/{known.revision}/{file}" for file in known.files]
    at = f"@{known.revision}" if known.revision and hub.startswith("hf://") else ""
    return [path for file in known.files for path in world.matching(f"{hub}/{known.hub}{at}/{file}")]


def _texts(path: str, content: bytes, column: str) -> list[str]:
    """Of Parquet, CSV, a JSON array of objects, or else JSON lines."""
    if path.endswith((".parquet", ".csv")):
        read = pl.read_csv if path.endswith(".csv") else pl.read_parquet
        try:
            return read(io.BytesIO(content), columns=[column])[column].cast(pl.String).to_list()
        except pl.exceptions.PolarsError as fault:
            raise SourceError(f"{path}: no column {column!r} can be read: {fault}") from fault
    inner = column.removeprefix("*.")
    if inner != column or content.lstrip().startswith(b"["):
        content = _as_lines(path, content, unwrap=inner != column)
    return list(questions(Benchmark(name="fetched", path=path, column=inner), content))


def _as_lines(path: str, content: bytes, *, unwrap: bool) -> bytes:
    """A JSON array, or JSON lines, as lines of objects: its rows, or the objects that its rows hold."""
    try:
        array = content.lstrip().startswith(b"[")
        rows = json.loads(content) if array else map(json.loads, filter(bytes.strip, content.splitlines()))
        objects = (inner for row in rows for inner in row.values()) if unwrap else rows
        return b"\n".join(json.dumps(one).encode() for one in objects)
    except (ValueError, AttributeError) as fault:
        raise SourceError(f"{path}: neither a JSON array nor JSON lines of such rows ({fault})") from fault
