"""What pins an engine's replies: a digest over weights, quantisation, tokenizer and chat template.

    python -m tasks.models.engine_identity FOLDER

prints the revision that a recipe's role pins. An engine whose folder says otherwise does not start. The digests of
large files are kept beside them, with the sizes and times they were made at, so that the weights are read once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from tasks.errors import RecipeError
from tasks.models.engine import REPOSITORY, Engine
from tasks.rows.fingerprint import digest

NOTE = ".digests.json"
_TEXTS = (
    "chat_template.jinja",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
_OF_CONFIG = ("_name_or_path", "_model_name_or_path", "transformers_version")


def revision(folder: Path, quantization: str | None = None, kv_cache_dtype: str = "auto") -> str:
    """64 hex digits. Raises `RecipeError` if the folder holds no model in safetensors.

    `quantization` and `kv_cache_dtype` are what the engine is started with on top of what the folder says.
    """
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        raise RecipeError(f"{folder} holds no config.json with *.safetensors; `make engine-env` makes the small one")
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    texts = [folder / name for name in _TEXTS if (folder / name).is_file()]
    return digest(
        {
            "weights": _digests(folder, weights),
            "config": {name: value for name, value in config.items() if name not in _OF_CONFIG},
            "texts": _digests(folder, texts),
            "quantization": quantization,
            "kv_cache_dtype": kv_cache_dtype,
        }
    )


def check(engine: Engine) -> None:
    """Whether the model's folder is the pinned one. Raises `RecipeError`."""
    serving = engine.serving
    found = revision(REPOSITORY / serving.model_path, serving.quantization, serving.kv_cache_dtype)
    if found != engine.model.revision:
        raise RecipeError(
            f"{serving.model_path} holds revision {found} of {engine.model.name}, but the recipe pins "
            f"{engine.model.revision}. Put the pinned model there, or pin this one in the role."
        )


def _digests(folder: Path, files: list[Path]) -> dict[str, str]:
    note = folder / NOTE
    known: dict[str, dict[str, Any]] = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(note.read_text(encoding="utf-8"))
    stamps = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files}
    stale = [file for file in files if known.get(file.name, {}).get("stamp") != stamps[file.name]]
    for file in stale:
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        known[file.name] = {"stamp": stamps[file.name], "sha256": sha256}
    if stale:
        with contextlib.suppress(OSError):  # a folder that cannot be written is read again next time
            half = folder / f"{NOTE}.{os.getpid()}"
            half.write_text(json.dumps(known), encoding="utf-8")
            half.rename(note)
    return {file.name: str(known[file.name]["sha256"]) for file in files}


if __name__ == "__main__":
    print(revision(Path(sys.argv[1]), *sys.argv[2:]))
