"""A plan of faults: what is drawn, and what each fault looks like over HTTP to a client that trusts nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tasks.models.rehearsal.faults import LOST, OF_THE_REPLY, OF_THE_WIRE, STATUS, Fault, FaultPlan, load
from tasks.models.rehearsal.journal import Journal, Line, read
from tasks.models.rehearsal.server import application

ASKED = {
    "model": "rehearsal/solver",
    "messages": [{"role": "user", "content": "<problem>\nFind 3^105+4^105 mod 7.\n</problem>"}],
}
NAMES = [sha256(str(i).encode()).hexdigest() for i in range(20_000)]


@asynccontextmanager
async def asked_once(folder: Path, plan: FaultPlan) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A server that misbehaves by `plan`, and a client for it."""
    journal = Journal(folder / "journal.jsonl")
    runner = web.AppRunner(application(journal, faults=plan), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as client:
            yield client, f"http://{host}:{port}/v1/chat/completions"
    finally:
        await runner.cleanup()
        journal.close()


def journal_of(folder: Path) -> list[Line]:
    return read(folder / "journal.jsonl")


def only(fault: Fault) -> FaultPlan:
    return FaultPlan(shares={fault: 1.0}, slow_seconds=0.2)


def test_shares_are_met_and_the_seed_decides() -> None:
    plan = FaultPlan(seed=7, shares={Fault.HANG: 0.05, Fault.CUT_HALFWAY: 0.15, Fault.REFUSAL: 0.1})
    drawn = Counter(plan.of_attempt(name, 0) for name in NAMES)
    assert drawn.keys() == {None, Fault.HANG, Fault.CUT_HALFWAY}
    assert abs(drawn[Fault.HANG] / len(NAMES) - 0.05) < 0.006
    assert abs(drawn[Fault.CUT_HALFWAY] / len(NAMES) - 0.15) < 0.01
    assert abs(sum(plan.of_reply(name) is not None for name in NAMES) / len(NAMES) - 0.1) < 0.008
    other = plan.model_copy(update={"seed": 8})
    assert [plan.of_attempt(name, 0) for name in NAMES] != [other.of_attempt(name, 0) for name in NAMES]


def test_a_retry_draws_again_but_the_model_says_the_same() -> None:
    plan = FaultPlan(shares={Fault.HANG: 0.5, Fault.REFUSAL: 0.5})
    again = [plan.of_attempt(name, 1) for name in NAMES if plan.of_attempt(name, 0)]
    assert 0.45 < sum(fault is None for fault in again) / len(again) < 0.55
    assert all(plan.of_reply(name) is plan.of_reply(name) for name in NAMES)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("shares: {hangs: 0.1}", "Known faults: rate_limited"),
        ("shares: {hang: 0.6, slow: 0.6}", "1 at most together"),
        ("shares: {hang: -0.1}", "0 or more"),
        ("shares: [", "is not YAML"),
        ("share: {}", "Extra inputs"),
    ],
)
def test_a_plan_with_faults_of_its_own_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=complaint) as caught:
        load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("fault", STATUS)
async def test_an_error_costs_nothing(tmp_path: Path, fault: Fault) -> None:
    async with (
        asked_once(tmp_path, only(fault)) as (client, url),
        client.post(url, json=ASKED) as response,
    ):
        assert response.status == STATUS[fault]
        assert ("Retry-After" in response.headers) is (fault is Fault.RETRY_AFTER)
        assert (await response.json())["rehearsal"] is True
    assert journal_of(tmp_path) == []


async def test_a_hanging_request_is_never_answered_and_never_charged(tmp_path: Path) -> None:
    async with asked_once(tmp_path, only(Fault.HANG)) as (client, url):
        with pytest.raises(TimeoutError):
            await client.post(url, json=ASKED, timeout=aiohttp.ClientTimeout(total=0.5))
    assert journal_of(tmp_path) == []


def assert_lost(folder: Path, fault: Fault) -> None:
    """It was charged once, and the journal names why nobody could accept it."""
    (line,) = journal_of(folder)
    assert line.lost == fault.value
    assert line.microusd > 0


async def received(folder: Path, fault: Fault) -> str:
    async with asked_once(folder, only(fault)) as (client, url), client.post(url, json=ASKED) as response:
        assert response.status == 200
        return await response.text()


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_HALFWAY])
async def test_a_cut_reply_is_charged_and_marked_as_lost(tmp_path: Path, fault: Fault) -> None:
    with pytest.raises(aiohttp.ClientError):
        await received(tmp_path, fault)
    assert_lost(tmp_path, fault)


@pytest.mark.parametrize("fault", [Fault.MALFORMED, Fault.NO_USAGE, Fault.WRONG_MODEL])
async def test_a_reply_that_cannot_be_accepted(tmp_path: Path, fault: Fault) -> None:
    text = await received(tmp_path, fault)
    if fault is Fault.MALFORMED:
        with pytest.raises(ValueError):
            json.loads(text)
    else:
        body = json.loads(text)
        assert ("usage" in body) is (fault is Fault.WRONG_MODEL)
        assert (body["model"] == ASKED["model"]) is (fault is Fault.NO_USAGE)
    assert_lost(tmp_path, fault)


async def test_a_slow_reply_is_whole(tmp_path: Path) -> None:
    assert json.loads(await received(tmp_path, Fault.SLOW))["usage"]["completion_tokens"] > 0
    assert [line.lost for line in journal_of(tmp_path)] == [None]


@pytest.mark.parametrize("fault", OF_THE_REPLY)
async def test_what_the_model_does_is_a_paid_reply(tmp_path: Path, fault: Fault) -> None:
    body = json.loads(await received(tmp_path, fault))
    (choice,) = body["choices"]
    assert choice["finish_reason"] == {"refusal": "stop"}.get(fault, fault.value)
    assert bool(choice["message"].get("refusal")) is (fault is Fault.REFUSAL)
    (line,) = journal_of(tmp_path)
    assert line.lost is None
    assert line.completion_tokens == body["usage"]["completion_tokens"]


async def test_a_second_attempt_can_succeed(tmp_path: Path) -> None:
    plan = FaultPlan(seed=3, shares={Fault.ERROR_500: 0.5})
    async with asked_once(tmp_path, plan) as (client, url):
        found = []
        for _ in range(12):
            async with client.post(url, json=ASKED) as response:
                found.append(response.status)
    assert set(found) == {200, 500}
    assert len(journal_of(tmp_path)) == found.count(200)


def test_no_fault_is_of_two_kinds() -> None:
    assert set(STATUS) | LOST | {Fault.HANG, Fault.SLOW} == set(OF_THE_WIRE)
