"""Paid APIs through litellm, against the rehearsal server over HTTP: replies, every fault, bills, secrets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from tasks import world
from tasks.errors import RejectedRequest
from tasks.models import litellm_client, prices, wire
from tasks.models.answer import facts
from tasks.models.endpoint import Endpoint, Line
from tasks.models.prompt import Prompt, Sampling, user
from tasks.models.rehearsal.faults import Fault, FaultPlan
from tasks.models.rehearsal.journal import Journal, read
from tasks.models.rehearsal.server import application
from tasks.models.request import Model, request
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.world import Where
from tests.tasks.models.openai_server import PRICE, outcomes

SOLVER = Model(name="openai/rehearsal/solver", revision="1")
ASKED = Prompt(messages=user("<problem>\nFind 3^105+4^105 mod 7.\n</problem>"), sampling=Sampling(max_tokens=4096))
KEY = "sk-a-secret-of-this-test"


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    litellm_client.loaded()


@asynccontextmanager
async def rehearsal(folder: Path, **shares: float) -> AsyncIterator[str]:
    plan = FaultPlan.model_validate({"shares": shares, "retry_after_seconds": 0.2})
    journal = Journal(folder / "journal.jsonl")
    async with TestServer(application(journal, faults=plan), host="127.0.0.1") as running:
        yield f"{running.make_url('/v1')}"


def line(address: str, limit: float = 30, model: Model = SOLVER) -> Line:
    endpoint = Endpoint(kind="litellm", address=address, timeout_seconds=limit)
    fields: dict[str, Any] = {"price": PRICE, "price_version": "1", "api_key": KEY, "gate": None}
    return Line(role="solver", model=model, endpoint_name="paid", endpoint=endpoint, **fields)


async def test_a_reply_is_stored_as_json_and_read_like_any_other(tmp_path: Path) -> None:
    async with rehearsal(tmp_path) as address:
        answer = await litellm_client.send(wire.body(request(ASKED, SOLVER, 0)), line(address))
    answer, found = facts(answer, line(address), "k")
    assert answer.reply is not None
    assert "To solve this problem" in answer.reply.reasoning
    assert answer.reply.content.endswith("\\boxed{0}")
    assert (answer.reply.finish_reason, found["served_model"]) == ("stop", "rehearsal/solver")
    (served,) = read(tmp_path / "journal.jsonl")
    assert (found["prompt_tokens"], found["completion_tokens"]) == (served.prompt_tokens, served.completion_tokens)


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        (Fault.RATE_LIMITED, "rate_limited", 429),
        (Fault.RETRY_AFTER, "rate_limited", 429),
        (Fault.ERROR_500, "server", 500),
        (Fault.ERROR_502, "server", 502),
        (Fault.ERROR_503, "overloaded", 503),
        (Fault.ERROR_529, "overloaded", 529),
        (Fault.CUT_BEFORE, "cut", 0),
        (Fault.CUT_HALFWAY, "cut", 0),
        (Fault.MALFORMED, "cut", 0),
        (Fault.NO_USAGE, "garbled", 200),
        (Fault.WRONG_MODEL, "wrong_model", 200),
        (Fault.HANG, "timeout", 0),
    ],
)
async def test_every_fault_falls_into_the_one_retry_table_after_one_wire_attempt(
    tmp_path: Path, fault: Fault, error: str, status: int
) -> None:
    async with rehearsal(tmp_path, **{fault.value: 1.0}) as address:
        one = line(address, limit=1 if fault is Fault.HANG else 30)
        answer, found = facts(await litellm_client.send(wire.body(request(ASKED, SOLVER, 0)), one), one, "k")
    assert (found["error"], answer.http_status, answer.reply) == (error, status, None)
    assert answer.retry_after == ("0.2" if fault is Fault.RETRY_AFTER else None)
    assert len(read(tmp_path / "journal.jsonl")) <= 1


@pytest.mark.parametrize(
    ("body", "error"),
    [({"model": "openai/nobody"}, "refused"), ({"messages": []}, "rejected")],
)
async def test_what_is_wrong_with_a_request_is_told_from_what_is_wrong_with_the_endpoint(
    tmp_path: Path, body: dict[str, Any], error: str
) -> None:
    async with rehearsal(tmp_path) as address:
        sent = json.loads(wire.body(request(ASKED, SOLVER, 0))) | body
        answer = await litellm_client.send(json.dumps(sent).encode(), line(address))
    assert answer.error == error
    assert read(tmp_path / "journal.jsonl") == []


class Unauthorised(Exception):
    status_code = 401
    litellm_response_headers: dict[str, str] = {"x": "y"}  # noqa: RUF012


def test_a_key_that_a_provider_repeats_does_not_get_into_the_log() -> None:
    answer = litellm_client._failed(litellm_client.loaded(), Unauthorised(f"Incorrect API key: {KEY}."), KEY)
    assert answer.error == "refused"
    assert answer.body == "Incorrect API key: (key)."


def test_a_quota_that_is_used_up_is_not_waited_for() -> None:
    api = litellm_client.loaded()
    spent = api.RateLimitError("{'code': 'insufficient_quota'}", llm_provider="openai", model="m")
    assert litellm_client._failed(api, spent, None).error == "unpaid"
    plain = api.RateLimitError("slow down", llm_provider="openai", model="m")
    assert litellm_client._failed(api, plain, None).error == "rate_limited"


def test_nothing_of_litellm_fetches_prices_or_reads_a_dotenv_file() -> None:
    api = litellm_client.loaded()
    assert api.litellm_mode == "PRODUCTION"
    assert api.telemetry is False
    assert api.get_model_cost_map.__module__.startswith("litellm")


async def test_a_whole_desk_pays_once_through_litellm_and_its_bill_is_the_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TEST_KEY", KEY)
    root = tmp_path / "root"
    async with rehearsal(tmp_path, retry_after=0.3, no_usage=0.1) as address:
        where = Where(
            root=str(root),
            run="r",
            endpoints={"paid": Endpoint(kind="litellm", address=address, api_key_env="A_TEST_KEY")},
            routes={"solver": "paid"},
            prices={SOLVER.name: prices.table().price("rehearsal/solver")},
        )
        shard = Shard(intake="0" * 64, low=0, high=4096)
        for _ in range(2):
            async with world.desk(where, "solve", shard, {"solver": SOLVER}) as desk:
                ask = desk.ask_for("solver", "p" * 64)
                await asyncio.gather(*(ask(ASKED, sample=n) for n in range(4)), return_exceptions=False)
    paid = [end for end in outcomes(Storage(str(root))) if end["error"] is None]
    served = [entry for entry in read(tmp_path / "journal.jsonl") if entry.lost is None]
    assert len(paid) == len(served) == 4
    assert sum(end["microusd"] for end in paid) == sum(entry.microusd for entry in served)
    assert KEY not in "".join(str(end) for end in outcomes(Storage(str(root))))


async def test_another_model_is_set_aside_through_litellm_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TEST_KEY", KEY)
    async with rehearsal(tmp_path, wrong_model=1.0) as address:
        where = Where(
            root=str(tmp_path / "root"),
            run="r",
            endpoints={"paid": Endpoint(kind="litellm", address=address, api_key_env="A_TEST_KEY")},
            routes={"solver": "paid"},
            prices={SOLVER.name: PRICE},
        )
        shard = Shard(intake="0" * 64, low=0, high=4096)
        async with world.desk(where, "solve", shard, {"solver": SOLVER}) as desk:
            with pytest.raises(RejectedRequest, match="wrong_model"):
                await desk.ask_for("solver", "p" * 64)(ASKED)
