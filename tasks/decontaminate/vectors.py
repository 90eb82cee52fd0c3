"""Vectors of benchmark questions, kept under the storage root: embedded once, whatever runs and processes there are.

An object holds the windows of some texts, by the texts' digests; each table that has new questions adds one. They are
reused whatever processor made them, so that all shards of a root rank by the same scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from tasks.decontaminate.embed import EmbedderSettings, Vectors
from tasks.errors import AlreadyExists, StorageError
from tasks.rows.fingerprint import digest, digest_bytes
from tasks.rows.storage import Storage
from tasks.rows.tables import decode, encode, table

VERSION = 1
"""Of how `embed` cuts a text and makes its vectors: another version reads and writes other objects."""
_COLUMNS = {"text": pl.String, "windows": pl.Int64, "values": pl.Binary}


class KeptVectors:
    """Windows of texts by one embedder, made where they are not there."""

    def __init__(
        self, storage: Storage, settings: EmbedderSettings, embed: Callable[[Sequence[str]], list[Vectors]]
    ) -> None:
        self._storage = storage
        self._folder = f"vectors/{digest({'version': VERSION, 'embedder': settings})[:16]}"
        self._embed = embed

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
