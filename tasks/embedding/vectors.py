"""Vectors of benchmark questions and of rows, kept under the storage root: embedded once, whatever runs there are.

An object holds the windows of some texts, by the texts' digests; whoever has new ones adds one. They are reused
whatever processor made them, so that all shards of a root rank by the same scores. Those of rows lie in folders by
ranges of buckets, so that a shard reads no more than about its own, however many shards there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import polars as pl

from tasks.embedding.embed import EmbedderSettings, Vectors, Windows, embedder
from tasks.errors import AlreadyExists, StorageError
from tasks.rows.fingerprint import digest, digest_bytes
from tasks.rows.problem import bucket
from tasks.rows.storage import Storage
from tasks.rows.tables import decode, encode, table

VERSION = 2
"""Of how `embed` cuts a text and makes its vectors: another version reads and writes other objects."""
BUCKETS_OF_A_PART = 64
_COLUMNS = {"text": pl.String, "windows": pl.Int64, "values": pl.Binary}


class KeptVectors:
    """Windows of texts by one embedder, made where they are not there."""

    def __init__(
        self,
        storage: Storage,
        settings: EmbedderSettings,
        part: str = "benchmarks",
        embed: Windows | None = None,
    ) -> None:
        """`embed` makes windows; by default the embedder does, which is loaded when it is first needed."""
        self._storage = storage
        self._folder = f"vectors/{digest({'version': VERSION, 'embedder': settings})[:16]}/{part}"
        self._embed = embed or (lambda texts: embedder(settings).windows(texts))

    def windows(self, texts: Sequence[str]) -> list[Vectors]:
        """For each text its windows: float32, shape (windows >= 1, dimensions). Raises `StorageError`."""
        kept = self._read() if texts else {}
        names = [digest_bytes(text.encode("utf-8", "surrogatepass")) for text in texts]
        new = {name: text for name, text in zip(names, texts, strict=True) if name not in kept}
        if new:
            made = dict(zip(new, self._embed(list(new.values())), strict=True))
            self._write(made)
            kept |= made
        return [kept[name] for name in names]

    def _read(self) -> dict[str, Vectors]:
        found: dict[str, Vectors] = {}
        for name, data in sorted(self._storage.read_all(self._storage.list(self._folder)).items()):
            for text, windows, values in self._lines(name, data):
                found.setdefault(text, np.frombuffer(values, np.float32).reshape(windows, -1))
        return found

    def _lines(self, name: str, data: bytes) -> list[tuple[str, int, bytes]]:
        try:
            return decode(data, list(_COLUMNS)).rows()
        except pl.exceptions.PolarsError as fault:
            raise StorageError(
                f"{self._storage.root}/{name} is damaged ({fault}); delete it, and its texts are embedded again"
            ) from fault

    def _write(self, made: dict[str, Vectors]) -> None:
        """Two processes that embed the same texts at once make one object; the first's stands."""
        rows = [{"text": name, "windows": len(one), "values": one.tobytes()} for name, one in sorted(made.items())]
        try:
            self._storage.create(f"{self._folder}/{digest(sorted(made))}.parquet", encode(table(rows, _COLUMNS)))
        except AlreadyExists:
            return


def of_rows(
    rows: Iterable[tuple[str, Sequence[str]]], kept: Callable[[str], KeptVectors], under: str = "rows"
) -> dict[str, Vectors]:
    """The windows of the texts of rows, given as problem id and texts; `kept` opens the vectors of a part.

    Another digest than the problem's may be given, to have texts lie by that, `under` another name.
    """
    parts: dict[int, dict[str, None]] = defaultdict(dict)
    for identity, texts in rows:
        parts[bucket(identity) // BUCKETS_OF_A_PART].update(dict.fromkeys(texts))
    found: dict[str, Vectors] = {}
    for part, texts_of in sorted(parts.items()):
        texts = list(texts_of)
        found.update(zip(texts, kept(f"{under}/{part:02}").windows(texts), strict=True))
    return found
