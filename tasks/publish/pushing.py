"""A published data set sent elsewhere: any fsspec URL, or a repository of the Hugging Face Hub (`hf://datasets/...`).

First what would be done is told (`planned`), then it is done (`push`). Resumable: a file that is there already, by
size and SHA-256, is not sent again, and the card goes last, so a data set with a card is whole. On the Hub the large
files are stored first, one by one, and one commit makes all of them visible.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from pydantic import BaseModel, ConfigDict

from tasks.errors import StorageError
from tasks.publish.assembling import CARD
from tasks.rows.storage import Storage

HUB = "hf://datasets/"
_CHUNK = 8 << 20


State = Literal["new", "same", "differs"]


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds, by size, SHA-256, and the id that git gives its blob."""

    size: int
    sha256: str
    blob: str

    @classmethod
    def of(cls, data: bytes) -> Content:
        """The content of bytes."""
        blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False)
        return cls(len(data), hashlib.sha256(data).hexdigest(), blob.hexdigest())


class Parcel(BaseModel):
    """One file of a data set, and how the target has it."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    state: State


class Target(Protocol):
    """Where a data set is sent."""

    def state(self, name: str, content: Content) -> State:
        """Whether a file is there, and whether it holds this."""
        ...

    def send(self, name: str, data: bytes) -> None:
        """Send one file."""
        ...

    def finish(self, words: str) -> None:
        """Make visible what was sent."""
        ...


Told = Callable[[Parcel], None]


def planned(storage: Storage, folder: str, known: Mapping[str, str], target: Target) -> list[Parcel]:
    """What pushing the data set in `folder` would send, the card last. `known` are digests by name in the folder.

    Raises `StorageError` where a file is not the one that was published.
    """
    names = [name.removeprefix(f"{folder}/") for name in storage.list(folder)]
    parcels = []
    for name in sorted(names, key=lambda one: (one == CARD, one)):
        data = storage.read(f"{folder}/{name}")
        content = Content.of(data)
        if known.get(name, content.sha256) != content.sha256:
            raise StorageError(f"{storage.root}/{folder}/{name} is not what was published: its digest differs")
        parcels.append(Parcel(name=name, size=content.size, state=target.state(name, content)))
    return parcels


def push(
    storage: Storage, folder: str, parcels: Sequence[Parcel], target: Target, told: Told = lambda _: None
) -> None:  # fmt: skip
    """Send what is new or differs; holds one file at a time. Started again after a failure, it goes on."""
    sent = [parcel for parcel in parcels if parcel.state != "same"]
    for parcel in sent:
        target.send(parcel.name, storage.read(f"{folder}/{parcel.name}"))
        told(parcel)
    if sent:
        target.finish(f"{folder.rsplit('/', 1)[-1]}: {len(sent)} files")


class Folder:
    """A folder on any file system of fsspec."""

    def __init__(self, files: Any, path: str) -> None:
        self._files, self._path = files, path.rstrip("/")

    def state(self, name: str, content: Content) -> State:
        path = f"{self._path}/{name}"
        seen = hashlib.sha256()
        try:
            with self._files.open(path, "rb") as opened:
                while piece := opened.read(_CHUNK):
                    seen.update(piece)
        except FileNotFoundError:
            return "new"
        except OSError as fault:
            raise StorageError(f"cannot read {path}: {fault}") from fault
        return "same" if seen.hexdigest() == content.sha256 else "differs"

    def send(self, name: str, data: bytes) -> None:
        path = f"{self._path}/{name}"
        try:
            self._files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            self._files.pipe_file(path, data)
        except OSError as fault:
            raise StorageError(f"cannot write {path}: {fault}. Push again: what arrived is kept.") from fault

    def finish(self, words: str) -> None:
        del words


class HubRepository:
    """A data set repository of the Hugging Face Hub, or of a server that speaks its calls."""

    def __init__(self, hub: HfApi, repository: str, *, private: bool) -> None:
        """`repository`: owner/name. It is made when something is first sent."""
        self._hub, self._repository, self._private = hub, repository, private
        self._operations: list[CommitOperationAdd] = []
        self._made = False

    def state(self, name: str, content: Content) -> State:
        with self._faults("look at", name):
            try:
                found = self._hub.get_paths_info(self._repository, [name], repo_type="dataset")
            except RepositoryNotFoundError:
                return "new"
        if not found:
            return "new"
        lfs = getattr(found[0], "lfs", None)
        same = lfs.sha256 == content.sha256 if lfs else getattr(found[0], "blob_id", None) == content.blob
        return "same" if same else "differs"

    def send(self, name: str, data: bytes) -> None:
        """Store a large file now; a small one goes with the commit."""
        # a stream goes by plain LFS, whose server tells which files it holds: that is what resuming rests on
        operation = CommitOperationAdd(path_in_repo=name, path_or_fileobj=io.BytesIO(data))
        with self._faults("send", name):
            if not self._made:
                self._hub.create_repo(self._repository, repo_type="dataset", private=self._private, exist_ok=True)
                self._made = True
            self._hub.preupload_lfs_files(self._repository, [operation], repo_type="dataset")
        self._operations.append(operation)

    def finish(self, words: str) -> None:
        with self._faults("commit", words):
            self._hub.create_commit(self._repository, self._operations, commit_message=words, repo_type="dataset")
        self._operations = []

    @contextmanager
    def _faults(self, verb: str, name: str) -> Iterator[None]:
        """Whatever the client raises (it has errors of several libraries) is a `StorageError` here."""
        try:
            yield
        except Exception as fault:
            raise StorageError(
                f"cannot {verb} {name} in {self._repository} on the Hub: {fault}. Check HF_TOKEN and rights, then "
                "push again: what arrived is kept."
            ) from fault
