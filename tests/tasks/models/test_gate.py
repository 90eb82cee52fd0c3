"""Turns at an endpoint: the wire is kept full, never overfull, and who has a turn when all ends sends nothing."""

import asyncio
import threading
from pathlib import Path

import pytest
from aiohttp import web

from tasks.errors import EndpointError, StorageError
from tasks.ledger import spend
from tasks.models.gate import Gate
from tasks.models.governor import SLICE_SECONDS, Grant, Limits, Report
from tasks.models.governors import Governor, OnMachine
from tasks.rows.storage import Storage
from tests.tasks.models.openai_server import Server, ask_of, desk, logged, outcomes, prompt, say


class Counted:
    """How many have a turn and how many are on the wire, and the most there were."""

    def __init__(self) -> None:
        self.turns = self.wired = self.most_turns = self.most_wired = 0

    async def take(self, gate: Gate, before: float, wired: float) -> None:
        async with gate.turn(1) as turn:
            self.turns += 1
            self.most_turns = max(self.most_turns, self.turns)
            await asyncio.sleep(before)
            async with gate.wire(turn) as is_open:
                assert is_open
                self.wired += 1
                self.most_wired = max(self.most_wired, self.wired)
                await asyncio.sleep(wired)
                self.wired -= 1
            turn.ended(None, wired, {"prompt_tokens": 1, "completion_tokens": 0})
            self.turns -= 1


def gate_of(governor: Governor, **limits: float) -> Gate:
    return Gate(governor, "endpoint", Limits(concurrency=4, **limits), "rater")


def gate(folder: Path, **limits: float) -> Gate:
    return gate_of(OnMachine(folder), **limits)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.mark.parametrize(("before", "most"), [(0.0, 5), (0.01, 6), (0.1, 6)])
async def test_no_more_than_granted_are_on_the_wire_and_no_more_than_half_as_many_wait_for_it(
    folder: Path, before: float, most: int
) -> None:
    seen = Counted()
    async with gate(folder) as made:
        await asyncio.gather(*(seen.take(made, before, 0.02) for _ in range(60)))
    assert seen.most_wired == 4
    assert 4 < seen.most_turns <= most


async def test_where_a_rate_is_limited_nobody_is_ahead(folder: Path) -> None:
    seen = Counted()
    async with gate(folder, requests_per_minute=6000) as made:
        await asyncio.gather(*(seen.take(made, 0.02, 0.02) for _ in range(40)))
    assert seen.most_turns == 4


async def test_who_waits_for_the_wire_hears_that_the_gate_is_shut(folder: Path) -> None:
    heard: list[bool] = []
    full = asyncio.Event()
    async with gate(folder) as made:

        async def take(wired: asyncio.Event) -> None:
            async with made.turn(1) as turn, made.wire(turn) as is_open:
                heard.append(is_open)
                if len(heard) == 4:
                    full.set()
                await wired.wait()

        await Counted().take(made, 0.02, 0.02)
        enough = asyncio.Event()
        taking = [asyncio.create_task(take(enough)) for _ in range(6)]
        await full.wait()
        made.shut(EndpointError("closed"))
        enough.set()
        ends = await asyncio.gather(*taking, return_exceptions=True)
    assert heard == [True] * 4 + [False] * (len(heard) - 4)
    assert len(heard) == ends.count(None) > 4
    assert sum(isinstance(end, EndpointError) for end in ends) == 6 - len(heard)


async def test_an_intent_whose_desk_closes_before_the_wire_is_free_is_not_sent_and_not_paid(
    storage: Storage, server: Server
) -> None:
    refuse = asyncio.Event()

    async def refused(asked: web.Request) -> web.StreamResponse:
        await refuse.wait()
        return await say(401, "no such key")(asked)

    async with desk(storage, server, concurrency=1) as made:
        await ask_of(made)(prompt("first"))  # from here on the gate knows what a turn takes beside the wire
        server.plan = [refused]
        asking = [asyncio.create_task(ask_of(made)(prompt(text))) for text in ("refused", "waits")]
        while logged(storage).filter(kind="intent").height < 3:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
        refuse.set()
        ends = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(end, EndpointError) for end in ends)
    assert [end["error"] for end in outcomes(storage)] == [None, "refused", "unsent"]
    assert len(server.journal) == 2
    assert spend.possibly_paid(spend.events(storage)).height == 0
    async with desk(storage, server) as second:
        assert (await ask_of(second)(prompt("waits"))).content == "2"


class Unreachable:
    """A governor that is not there."""

    def report(self, endpoint: str, limits: Limits, report: Report) -> Grant:
        raise StorageError("the rates cannot be kept")


class Slow:
    """A governor that gives all places when the gate opens and is not heard of again until it may be."""

    def __init__(self, folder: Path) -> None:
        self._governor, self.may, self.reports = OnMachine(folder), threading.Event(), 0

    def report(self, endpoint: str, limits: Limits, report: Report) -> Grant:
        self.reports += 1
        if self.reports > 1:
            self.may.wait()
        return self._governor.report(endpoint, limits, report)


async def test_the_first_requests_pass_on_what_was_granted_when_the_gate_opened(folder: Path) -> None:
    governor = Slow(folder)
    seen = Counted()
    async with gate_of(governor) as made:
        await asyncio.gather(*(seen.take(made, 0.0, 0.0) for _ in range(4)))
        governor.may.set()
    assert seen.most_wired == 4


async def test_a_gate_that_nobody_uses_gives_back_what_it_holds_and_takes_it_again(folder: Path) -> None:
    async with gate(folder) as idle, gate(folder) as busy:
        seen = Counted()
        async with asyncio.timeout(SLICE_SECONDS * 3):
            await asyncio.gather(*(seen.take(busy, 0.0, 0.05) for _ in range(8)))
        assert seen.most_wired == 4
        await asyncio.sleep(SLICE_SECONDS * 1.5)
        seen = Counted()
        await asyncio.gather(*(seen.take(idle, 0.0, 0.05) for _ in range(8)))
        assert seen.most_wired == 4


async def test_a_governor_that_cannot_be_reached_is_told_to_who_asks_for_a_turn() -> None:
    async with gate_of(Unreachable()) as made:
        with pytest.raises(StorageError, match="cannot be kept"):
            await Counted().take(made, 0.0, 0.0)
