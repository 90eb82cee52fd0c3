"""The outside, built in one place: storage, the response store, clients, secrets from the environment.

No other module reads the environment or opens a connection. What is built here is per process and is never
passed between processes; only `Where`, which is plain data, is.
"""

from __future__ import annotations

import asyncio
import gc
import os
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import cache
from typing import IO, Any
from uuid import uuid4

import aiohttp
import fsspec
from huggingface_hub import HfApi
from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import RecipeError, SourceError, StorageError
from tasks.ledger import leases
from tasks.ledger.board import Claim
from tasks.ledger.books import DESK_DIGITS, BooksOfRun
from tasks.ledger.budget import RUN
from tasks.ledger.card_time import CardTime
from tasks.ledger.leases import Lease
from tasks.ledger.log import AttemptLog, GroupBounds
from tasks.ledger.purse import Purse
from tasks.ledger.store import ReplyStore
from tasks.models import retry
from tasks.models.asker import Desk
from tasks.models.endpoint import Endpoint, Line
from tasks.models.flights import Flights
from tasks.models.gate import Gate
from tasks.models.governors import Governor, OnMachine
from tasks.models.listing import Listed, listed
from tasks.models.prices import Price
from tasks.models.prices import table as price_table
from tasks.models.request import Model
from tasks.models.retry import Patience
from tasks.rows.problem import BUCKETS
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.rows.trial import Trial, TrialOfShard

_REMOTE_BOUNDS = GroupBounds(seconds=0.05)
_CLIENTS = ("httpx", "botocore", "aiohttp")
"""Their errors are no `OSError`: those of the Hub's, S3's and HTTP files' clients."""
_ALLOCATIONS = 50_000
"""New objects between two looks for unreachable cycles. Thousands of rows are under way and next to nothing is
cyclic: looking every 700 objects, as Python does, took a fifth of the CPU time of asking and finding."""


class Where(BaseModel):
    """Where and how a run works. Nothing in it bears on an answer, and it holds no secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str = Field(description="Storage root, any fsspec URL")
    run: str = Field(description="Identity of the run, written beside every attempt")
    endpoints: Mapping[str, Endpoint] = Field(default_factory=dict)
    routes: Mapping[str, str] = Field(default_factory=dict, description="Role to endpoint name")
    serves: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Role to other names its model may answer under"
    )
    prices: Mapping[str, Price] = Field(default_factory=dict, description="The recipe's own price lines")
    cluster: bool = Field(default=False, description="Whether endpoints are shared by the machines of a Ray cluster")
    trial: Trial | None = Field(default=None, description="How many of a stage's first rows may be quarantined")
    waived: tuple[str, ...] = Field(default=(), description="Stages that go on however many rows they quarantine")
    limits: Mapping[str, int] = Field(default_factory=dict, description="Budgets in micro-dollars, by scope")
    card_ms: int | None = Field(default=None, description="Budget of GPU-hours, in milliseconds of one card")
    buys: bool = Field(default=True, description="Whether replies that are not stored are bought; else `NotStored`")
    lease_seconds: float = Field(default=leases.SECONDS, gt=0, description="Silence after which a lease may be taken")
    leased: bool = Field(default=False, description="Whether a lease on the whole root is held for this work already")

    def asks_in_batches(self, roles: Iterable[str]) -> bool:
        """Whether some of these roles are asked in batches, which are waited for by the day."""
        return self.buys and any(self.endpoints[self.routes[role]].lane == "batch" for role in roles)


@cache
def storage(root: str) -> Storage:
    """The storage at a root URL."""
    return Storage(root)


@contextmanager
def _outside(path: str, what: str) -> Iterator[None]:
    """Raises as `SourceError` what disks, networks and cut files raise, and clients that have errors of their own."""
    try:
        yield
    except FileNotFoundError as fault:
        raise SourceError(f"{path}: there is no such file; give a path or URL that can be read") from fault
    except Exception as fault:
        of_client = type(fault).__module__.partition(".")[0] in _CLIENTS
        if not of_client and not isinstance(fault, OSError | EOFError | zlib.error):
            raise
        raise SourceError(f"{path}: cannot be {what}: {fault}") from fault


@contextmanager
def open_outside(path: str) -> Iterator[IO[bytes]]:
    """A file of somebody else's, for reading: any fsspec URL, decompressed by its ending.

    Raises `SourceError` if it cannot be opened or read.
    """
    with _outside(path, "read"), fsspec.open(path, "rb", compression="infer") as file:
        yield file


def read_outside(path: str) -> bytes:
    """A whole file of somebody else's. Raises `SourceError`."""
    with open_outside(path) as file:
        return file.read()


def is_there(path: str) -> bool:
    """Whether somebody else's storage has such a file. Raises `SourceError` if it cannot be told."""
    with _outside(path, "looked for"):
        files, inner = fsspec.core.url_to_fs(path)
        try:
            files.info(inner)
        except FileNotFoundError:
            return False
    return True


def matching(path: str) -> list[str]:
    """Somebody else's files whose path is `path`, or fits it as a glob, sorted. Raises `SourceError` if none does."""
    with _outside(path, "listed"):
        files, inner = fsspec.core.url_to_fs(path)
        files.invalidate_cache()
        found = sorted(str(one) for one in files.glob(inner))
    if not found:
        raise SourceError(f"{path}: there is no such file; give a path or URL that can be read")
    return [files.unstrip_protocol(one) for one in found]


def files_at(url: str) -> tuple[Any, str]:
    """The file system of somebody else's URL, and the path in it. Raises `StorageError` if there is none for it."""
    try:
        files, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as fault:
        raise StorageError(f"{url} cannot be written to: {fault}") from fault
    return files, str(path)


def hub() -> HfApi:
    """The Hugging Face Hub, or the server that HF_ENDPOINT names, with the token of HF_TOKEN."""
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=os.environ.get("HF_TOKEN") or False)


@cache
def reply_store(root: str) -> ReplyStore:
    """This process's view of the replies under a root."""
    return ReplyStore(storage(root), retry.SET_ASIDE)


@cache
def _flights(root: str) -> Flights:
    """What this process is buying for a root."""
    del root
    return Flights()


@cache
def governor(cluster: bool) -> Governor:
    """Who keeps the limits of endpoints: an actor of the Ray cluster this process is in, or this machine."""
    if not cluster:
        return OnMachine()
    from tasks.models.governor_actor import InCluster

    return InCluster()


def lease(where: Where, stage: str, shard: Shard) -> AbstractAsyncContextManager[Lease | None]:
    """A lease on a shard's buckets, as soon as it can be had; None where one on the whole root is held."""
    if where.leased:
        return nullcontext()
    claim = Claim(work=f"{stage} of {shard.name}", run=where.run, intake=shard.intake, low=shard.low, high=shard.high)
    return leases.held(storage(where.root), claim, where.lease_seconds)


def whole_lease(where: Where, work: str) -> AbstractAsyncContextManager[Lease]:
    """A lease on every bucket of a root."""
    claim = Claim(work=work, run=where.run, intake="", low=0, high=BUCKETS)
    return leases.held(storage(where.root), claim, where.lease_seconds)


@asynccontextmanager
async def desk(
    where: Where,
    stage: str,
    shard: Shard,
    roles: Mapping[str, Model],
    lease: Lease | None = None,
    patience: Patience | None = None,
) -> AsyncIterator[Desk]:
    """Everything one shard of one stage needs to ask its models, and to log it under a lease."""
    gc.set_threshold(_ALLOCATIONS)
    kept = storage(where.root)
    store = reply_store(where.root)
    await asyncio.to_thread(store.refresh)
    lines = {role: _line(where, role, model) for role, model in roles.items()}
    bounds = GroupBounds() if kept.is_local else _REMOTE_BOUNDS
    place = f"{shard.low:03x}-{shard.high:04x}"
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        AttemptLog(kept, place, bounds, store.add, lease.token if lease else 0) as log,
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http,
        _purse(where, stage, shard.name) as purse,
        Desk(
            store=store,
            log=log,
            http=http,
            lines=lines,
            run=where.run,
            stage=stage,
            shard=shard.name,
            buys=where.buys,
            lease=lease,
            purse=purse,
            flights=_flights(where.root),
            patience=patience,
            trial=TrialOfShard(trial=where.trial, stage=stage) if where.trial and stage not in where.waived else None,
            storage=kept,
        ) as desk,  # fmt: skip
    ):
        yield desk


@asynccontextmanager
async def _purse(where: Where, stage: str, shard: str) -> AsyncIterator[Purse | None]:
    """Money for the desk of a shard; None where nothing bounds it."""
    limits = {scope: limit for scope, limit in where.limits.items() if scope in (RUN, stage)}
    if not where.buys or (not limits and where.card_ms is None):
        yield None
        return
    card_time = None if where.card_ms is None else CardTime(storage(where.root), where.run, where.card_ms)
    longest = max((endpoint.timeout_seconds for endpoint in where.endpoints.values()), default=0.0)
    books = BooksOfRun(storage(where.root), where.run)
    name = uuid4().hex[:DESK_DIGITS]
    async with Purse(
        books, limits, desk=name, stage=stage, shard=shard, patience=longest + 30, card_time=card_time
    ) as purse:
        yield purse


async def models_at(endpoint: Endpoint) -> Mapping[str, Listed]:
    """What an endpoint says of the models it has, by name; empty where it says nothing."""
    async with aiohttp.ClientSession() as http:
        return await listed(http, endpoint, secret(endpoint.api_key_env))


def _line(where: Where, role: str, model: Model) -> Line:
    name = where.routes[role]
    endpoint = where.endpoints[name]
    table = price_table().with_models(where.prices)
    return Line(
        role=role,
        model=model,
        endpoint_name=name,
        endpoint=endpoint,
        price=table.price(model.name),
        price_version=table.version,
        api_key=secret(endpoint.api_key_env) if where.buys else None,
        gate=Gate(governor(where.cluster), f"{endpoint.address} {model.name}", endpoint.limits(), role),
        serves=where.serves.get(role, ()),
    )


def secret(variable: str | None) -> str | None:
    """What a variable of the environment holds. Raises `RecipeError` if it is named and not set."""
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise RecipeError(f"environment variable {variable} is not set; it must hold the endpoint's key")
    return value
