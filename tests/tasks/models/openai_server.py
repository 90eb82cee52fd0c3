"""A real server on the loopback address that answers by plan, and desks that ask it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

import aiohttp
import polars as pl
from aiohttp import web

from tasks.ledger.log import LOG, AttemptLog, GroupBounds
from tasks.ledger.purse import Purse
from tasks.ledger.store import ReplyStore
from tasks.models.asker import Desk
from tasks.models.endpoint import Endpoint, Line
from tasks.models.gate import Gate
from tasks.models.governors import Governor, OnMachine
from tasks.models.prices import Price
from tasks.models.prompt import Ask, Prompt, Sampling, user
from tasks.models.request import Model
from tasks.models.retry import Patience
from tasks.rows.storage import Storage
from tasks.rows.tables import decode

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
MODEL = Model(name="test/model", revision="1")
PRICE = Price(
    input=Decimal("2.5"), cached_input=Decimal("1.25"), output=Decimal("10"), as_of="2026-01-01", source="test"
)
QUICK = Patience(attempts=4, first=0.001, longest=0.01)


def prompt(text: str = "What is $1+1$?") -> Prompt:
    return Prompt(messages=user(text), sampling=Sampling(max_tokens=100))


def completion(content: str = "2", finish_reason: str = "stop", **other: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish_reason}
    tokens = {"prompt_tokens": 1000, "completion_tokens": 500, "prompt_tokens_details": {"cached_tokens": 400}}
    return {"model": "test/model", "choices": [choice], "usage": tokens, "system_fingerprint": "fp", **other}


@dataclass
class Server:
    """An OpenAI-compatible server that keeps a journal and answers by plan, then with completions."""

    plan: list[Answer] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    address: str = ""
    name: str = field(default_factory=lambda: uuid4().hex)
    """Of another server that had this port before, the machine's governor may still know that it was throttled."""

    async def serve(self, asked: web.Request) -> web.StreamResponse:
        self.journal.append(await asked.json())
        self.asked.set()
        if self.plan:
            return await self.plan.pop(0)(asked)
        return web.json_response(completion())


def say(status: int = 200, body: Any = None, **headers: str) -> Answer:
    async def answer(asked: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


async def cut(asked: web.Request) -> web.StreamResponse:
    assert asked.transport is not None
    asked.transport.close()
    return web.Response()


async def hang(asked: web.Request) -> web.StreamResponse:
    await asyncio.sleep(2)
    return web.json_response(completion())


@asynccontextmanager
async def desk(
    storage: Storage,
    server: Server,
    run: str = "run",
    limit: float = 30,
    concurrency: int = 32,
    buys: bool = True,
    governor: Governor | None = None,
    purse: Purse | None = None,
    patience: Patience = QUICK,
    **reached: Any,
) -> AsyncIterator[Desk]:
    """A desk with a store of its own, as another process would have. `reached` are fields of its endpoint."""
    store = ReplyStore(storage)
    store.refresh()
    endpoint = Endpoint(address=server.address, timeout_seconds=limit, concurrency=concurrency, **reached)
    line = Line(
        role="rater",
        model=MODEL,
        endpoint_name="local",
        endpoint=endpoint,
        price=PRICE,
        price_version="prices of test",
        api_key="secret-key",
        gate=Gate(governor or OnMachine(), f"{server.address} {server.name}", endpoint.limits(), "rater"),
    )
    async with (
        AttemptLog(storage, "000-1000", GroupBounds(), store.add) as log,
        aiohttp.ClientSession() as http,
        Desk(
            store=store,
            log=log,
            http=http,
            lines={"rater": line},
            run=run,
            stage="rate",
            shard="shard",
            patience=patience,
            buys=buys,
            purse=purse,
        ) as made,
    ):
        yield made


def ask_of(made: Desk) -> Ask:
    return made.ask_for("rater", "p" * 64)


def logged(storage: Storage) -> pl.DataFrame:
    """The whole log in order of time, as it lies on the storage."""
    frames = [decode(data) for data in storage.read_all(storage.list(LOG)).values()]
    return pl.concat(frames).sort("at_ms", maintain_order=True) if frames else pl.DataFrame({"kind": []})


def outcomes(storage: Storage) -> list[dict[str, Any]]:
    return logged(storage).filter(pl.col("kind") == "outcome").to_dicts()
