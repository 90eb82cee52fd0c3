"""The rows of a source, from wherever it lies: files are found, opened and read one after the other, as streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import IO

from tasks import world
from tasks.collect.readers import lines, stack_exchange, tables, thread_page
from tasks.collect.readers.archive import member
from tasks.collect.readers.record import Record
from tasks.collect.source import RawRow, Rows, Source
from tasks.collect.splits import files_of
from tasks.errors import SourceError

_POSTS, _LINKS = "Posts.xml", "PostLinks.xml"


def rows(source: Source) -> Iterator[RawRow]:
    """Every row of a source, bad ones included.

    Raises `SourceError` if a file is missing or cannot be read as its format; one that is damaged further on raises
    when that place is reached.
    """
    made = Rows(source)
    found = (row for path in files(source) for row in made.of(path.rsplit("/", 1)[-1], _records(source, path)))
    yield from islice(found, source.limit)


def files(source: Source) -> list[str]:
    """The files that a source is read from, in order. Raises `SourceError` if there is none."""
    if source.hub is None:
        return world.matching(source.path) if set(source.path) & set("*?[") else [source.path]
    if source.preset and source.hub.revision is None:
        raise SourceError(
            f"source {source.name!r}: preset {source.preset!r} pins no commit of {source.hub.id}; name the one to "
            f"read, hub: {{revision: <commit>}}, out of https://huggingface.co/datasets/{source.hub.id}/commits/main"
        )
    root = source.hub.url
    names = [one.removeprefix(f"{root}/") for one in world.matching(f"{root}/**")]
    try:
        return [f"{root}/{name}" for name in files_of(names, source.hub.split, source.hub.files)]
    except ValueError as fault:
        raise SourceError(f"source {source.name!r}: {root}: {fault}; name them under hub.files") from fault


def _records(source: Source, path: str) -> Iterator[Record]:
    kind = source.format_of(path)
    try:
        with ExitStack() as opened:
            file = opened.enter_context(world.open_outside(path))
            if path.lower().endswith(".7z"):
                file = opened.enter_context(member(file, _POSTS))
            if kind == "parquet":
                yield from tables.parquet(file, source.needed())
            elif kind in ("csv", "tsv"):
                yield from tables.separated(file, source.needed(), "," if kind == "csv" else "\t")
            elif kind == "stack_exchange":
                yield from stack_exchange.records(file, source.site, _links(opened, path))
            elif kind == "stack_exchange_page":
                yield thread_page.record(file, source.site)
            else:
                yield from lines.records(file)
    except SourceError as fault:
        raise SourceError(f"source {source.name!r}: {path}: {fault}") from fault


def _links(opened: ExitStack, path: str) -> IO[bytes] | None:
    """PostLinks.xml of the dump that a file is of: in the same archive, or beside Posts.xml."""
    if path.lower().endswith(".7z"):
        return opened.enter_context(member(opened.enter_context(world.open_outside(path)), _LINKS, required=False))
    folder, slash, name = path.rpartition("/")
    beside = f"{folder}{slash}{name.replace(_POSTS, _LINKS, 1)}"
    return opened.enter_context(world.open_outside(beside)) if _POSTS in name and world.is_there(beside) else None
