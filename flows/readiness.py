"""What a recipe needs beside its models, looked at before it is paid for: files, embedders, storage, a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal
from uuid import uuid4

from pydantic import BaseModel

from flows.recipe import Recipe
from tasks import world
from tasks.collect import opening
from tasks.decontaminate.settings import Settings
from tasks.embedding.embed import EmbedderSettings, embedder
from tasks.errors import AlreadyExists, CurationError, RecipeError, SourceError


class Finding(BaseModel):
    """One thing that was looked at. `unknown` is neither well nor wrong: the endpoint does not tell."""

    subject: str
    """A role, or what of the recipe as a whole."""
    check: str
    verdict: Literal["ok", "warning", "fault", "unknown"]
    words: str


def inputs(recipe: Recipe) -> Iterator[Finding]:
    """Sources, benchmarks and embedders. What is in the files, `profile` and the run tell."""
    for source in recipe.sources:
        yield _files(f"source {source.name}", partial(opening.files, source), "give a path or URL that can be read")
    stages = [settings for choice in recipe.stages if isinstance(settings := choice.typed(), Settings)]
    benchmarks = list(dict.fromkeys(one.path for settings in stages for one in settings.benchmarks))
    if benchmarks:
        yield _files("benchmarks", lambda: benchmarks, "`python -m flows benchmarks fetch` gets those that it lists")
    yield from map(_embedder, dict.fromkeys(settings.embedder for settings in stages))


def _embedder(settings: EmbedderSettings) -> Finding:
    """Loaded, as a worker would; a model of the Hub is then in this machine's cache."""
    try:
        embedder(settings)
    except RecipeError as fault:
        return Finding(subject="embedder", check="loads", verdict="fault", words=str(fault))
    return Finding(subject="embedder", check="loads", verdict="ok", words=f"{settings.name} at {settings.revision}")


def _files(subject: str, files: Callable[[], list[str]], way_out: str) -> Finding:
    try:
        found = files()
        gone = [path for path in found if not world.is_there(path)]
    except SourceError as fault:
        return Finding(subject=subject, check="files", verdict="fault", words=str(fault))
    if gone:
        words = f"{len(gone)} of {len(found)} are not there: {', '.join(gone)}; {way_out}"
        return Finding(subject=subject, check="files", verdict="fault", words=words)
    words = found[0] if len(found) == 1 else f"{len(found)} files, the first {found[0]}"
    return Finding(subject=subject, check="files", verdict="ok", words=words)


def writable(root: str) -> Finding:
    """Two writes to a new name: the first must go through, the second must be refused."""
    name = f"doctor/{uuid4().hex}"
    try:
        kept = world.storage(root)
        kept.create(name, b"")
        try:
            kept.create(name, b"")
        except AlreadyExists:
            kept.delete(name)
            words = f"{root} can be written, and no name twice"
            return Finding(subject="storage", check="create-only writes", verdict="ok", words=words)
    except CurationError as fault:
        return Finding(subject="storage", check="create-only writes", verdict="fault", words=str(fault))
    words = f"{root} let one name be written twice: replies could be lost; use a store that knows If-None-Match"
    return Finding(subject="storage", check="create-only writes", verdict="fault", words=words)


def budget(recipe: Recipe) -> Finding:
    """What the run may spend."""
    set_ones = recipe.budget.model_dump(mode="json", exclude_defaults=True)
    if not set_ones:
        words = "none is set; a run spends what its rows take"
        return Finding(subject="budget", check="budget", verdict="warning", words=words)
    words = ", ".join(f"{name}: {value}" for name, value in set_ones.items())
    return Finding(subject="budget", check="budget", verdict="ok", words=words)
