"""What lies beside the data files: card, Croissant, recipe, prompts and lock; and the name of the whole. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tasks.publish.card import card
from tasks.publish.croissant import croissant
from tasks.publish.licences import Mix
from tasks.publish.release import Counts, Release, Step
from tasks.publish.writing import DataFile, digests
from tasks.rows.fingerprint import digest, digest_bytes

CARD = "README.md"
_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A data set's name, which is made of its content, and its small files by name."""

    name: str
    texts: Mapping[str, bytes]


def data_set(
    release: Release, counts: Counts, funnel: Sequence[Step], mix: Mix, files: Sequence[DataFile],
    schemas: Mapping[str, pa.Schema], lock: bytes,
) -> DataSet:  # fmt: skip
    """Describe data files. The same files, described alike, have the same name; a rehearsal's says that it is one."""

    def texts(name: str) -> dict[str, bytes]:
        words = f"{counts.rows} problems with answers and solutions, made by recipe {release.recipe}."
        meta = croissant(name, words, _VERSION, mix.whole, files, schemas)
        return {
            **{f"prompts/{place}": text.encode() for place, text in release.prompts.items()},
            "recipe.json": release.model_dump_json(indent=1, exclude={"prompts"}).encode(),
            "requirements.lock": lock,
            "croissant.json": json.dumps(meta, indent=1, ensure_ascii=False).encode(),
            CARD: card(name, release, counts, funnel, mix, files).encode(),
        }

    described = {place: digest_bytes(text) for place, text in texts(release.recipe).items()}
    edition = digest([digests(files), described])
    name = f"{'rehearsal-' if release.is_rehearsal else ''}{release.recipe}-{edition[:12]}"
    return DataSet(name=name, texts=texts(name))
