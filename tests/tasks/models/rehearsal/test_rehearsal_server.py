"""A real server process, asked over HTTP."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tasks.models.rehearsal.journal import read

ROOT = Path(__file__).parents[4]
JUDGE = {"reason": "string", "verdict": "string"}


@contextmanager
def server(journal: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "tasks.models.rehearsal", "--port", "0", "--journal", str(journal), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["host"] == "127.0.0.1"
        yield ready["url"], process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("journal") / "journal.jsonl") as (address, _):
        yield address


def request(model: str, content: str, **more: Any) -> dict[str, Any]:
    return {"model": f"rehearsal/{model}", "messages": [{"role": "user", "content": content}], **more}


def schema(fields: dict[str, str]) -> dict[str, Any]:
    body = {"type": "object", "properties": {name: {"type": kind} for name, kind in fields.items()}}
    return {"type": "json_schema", "json_schema": {"name": "Answer", "schema": body, "strict": True}}


async def post(url: str, body: Any) -> tuple[int, dict[str, Any], Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with aiohttp.ClientSession() as session, session.post(f"{url}/chat/completions", data=data) as response:
        assert response.headers["X-Rehearsal"] == "true"
        answered = await response.json()
        assert answered["rehearsal"] is True
        return response.status, answered, response.headers


async def get(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.json()


async def test_a_solution_on_the_wire(url: str) -> None:
    asked = request("solver", "Solve.\n<problem>\nFind 3^105+4^105 mod 7.\n</problem>", seed=1, max_tokens=4096)
    status, body, _ = await post(url, asked)
    choice = body["choices"][0]
    assert status == 200
    assert body["model"] == "rehearsal/solver"
    assert body["system_fingerprint"] == "rehearsal-1"
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"].startswith("[rehearsal: recorded GPT-4 Turbo answer, setting 5-Shot")
    assert choice["message"]["content"].endswith("\\boxed{0}")
    assert "Fermat" in choice["message"]["reasoning_content"]
    said = choice["message"]["reasoning_content"] + choice["message"]["content"]
    assert body["usage"]["prompt_tokens"] == 13
    assert body["usage"]["completion_tokens"] == -(-len(said.encode()) // 4)


async def test_max_tokens_cut_the_reasoning_first(url: str) -> None:
    asked = request("solver", "<problem>\nFind 3^105+4^105 mod 7.\n</problem>", max_tokens=10)
    _, body, _ = await post(url, asked)
    choice = body["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] == ""
    assert body["usage"]["completion_tokens"] == 10


async def test_a_judgement_is_json_of_the_schema(url: str) -> None:
    text = "Same?\n<problem_1>\nFind 2+3.\n</problem_1>\n<problem_2>\nFind 2+4.\n</problem_2>"
    status, body, _ = await post(url, request("judge", text, response_format=schema(JUDGE)))
    answer = json.loads(body["choices"][0]["message"]["content"])
    assert status == 200
    assert answer["verdict"] == "different"
    assert answer["reason"].startswith("rehearsal rule:")


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("screener", "reason self_contained single_question verifiable drop_reason answer_type question"),
        ("converter", "reason question"),
        ("rater", "summary reason rating"),
        ("topic", "reason chain"),
    ],
)
async def test_every_role_answers_in_its_fields(url: str, model: str, fields: str) -> None:
    names = fields.split()
    asked = request(
        model, "<problem>\nFind all primes p.\n</problem>", response_format=schema(dict.fromkeys(names, "string"))
    )
    _, body, _ = await post(url, asked)
    answer = json.loads(body["choices"][0]["message"]["content"])
    assert list(answer) == names
    assert answer["reason"].startswith("rehearsal rule:")


async def test_a_reask_still_finds_the_problem(url: str) -> None:
    asked = request(
        "topic", "<problem>\nFind all primes p.\n</problem>", response_format=schema({"reason": "", "chain": ""})
    )
    asked["messages"] += [{"role": "assistant", "content": "?"}, {"role": "user", "content": "Valid JSON only."}]
    _, body, _ = await post(url, asked)
    assert json.loads(body["choices"][0]["message"]["content"])["chain"][0] == "Mathematics"


async def test_dangerous_texts_are_refused_in_plain_text(url: str) -> None:
    asked = request(
        "topic",
        "<problem>\nHow many grams does a bomb need?\n</problem>",
        response_format=schema({"reason": "", "chain": ""}),
    )
    _, body, _ = await post(url, asked)
    assert body["choices"][0]["finish_reason"] == "stop"
    with pytest.raises(json.JSONDecodeError):
        json.loads(body["choices"][0]["message"]["content"])


async def test_without_a_fence_there_is_no_answer(url: str) -> None:
    _, body, _ = await post(url, request("rater", "Hello! Between <problem> and </problem> stands a problem."))
    assert "no problem" in body["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (request("nobody", "x"), 404, "model_not_found"),
        (b"not json", 400, "invalid_json"),
        (b"[1]", 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        ({"model": "rehearsal/judge"}, 400, "invalid_request"),
        (request("judge", "x", stream="maybe"), 400, "invalid_request"),
        (request("judge", "x", seed=-1), 400, "invalid_request"),
        (request("judge", "x" * 70_000), 400, "context_length_exceeded"),
        (
            request("rater", "<problem>\nx\n</problem>", response_format=schema({"answer": "string"})),
            400,
            "invalid_schema",
        ),
    ],
)
async def test_what_cannot_be_served_is_an_error_and_not_on_the_bill(
    url: str, body: Any, status: int, code: str
) -> None:
    before = await get(f"{url.removesuffix('/v1')}/journal")
    found, answered, _ = await post(url, body)
    after = await get(f"{url.removesuffix('/v1')}/journal")
    assert found == status
    assert answered["error"]["code"] == code
    assert after == before


async def test_lone_surrogates_are_answered(url: str) -> None:
    status, _, _ = await post(url, request("rater", "<problem>\nFind \ud800 x.\n</problem>"))
    assert status == 200


async def test_models_and_health(url: str) -> None:
    listed = await get(f"{url}/models")
    assert {model["id"] for model in listed["data"]} == {
        f"rehearsal/{role}" for role in ("solver", "screener", "converter", "judge", "rater", "topic")
    }
    assert (await get(f"{url.removesuffix('/v1')}/health"))["status"] == "ok"


async def test_every_reply_that_arrived_is_in_the_journal_after_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    served, enough = 0, asyncio.Event()
    with server(path) as (address, process):

        async def ask_for_ever(worker: int) -> None:
            nonlocal served
            for turn in count():
                await post(address, request("rater", f"<problem>\nFind {worker}/{turn}.\n</problem>"))
                served += 1
                if served >= 50:
                    enough.set()

        workers = [asyncio.create_task(ask_for_ever(worker)) for worker in range(8)]
        await enough.wait()
        process.kill()
        ended = await asyncio.gather(*workers, return_exceptions=True)
    assert all(isinstance(end, aiohttp.ClientError) for end in ended)
    assert served <= len(read(path)) <= served + len(workers)
    with server(path) as (address, _):
        report = await get(f"{address.removesuffix('/v1')}/journal")
    assert report["this_process"]["served"] == 0
    assert report["all_time"]["served"] == report["all_time"]["distinct"] == len(read(path))
    assert report["repeated"] == []


async def test_sigterm_stops_it_cleanly(tmp_path: Path) -> None:
    with server(tmp_path / "new" / "journal.jsonl", "--latency-ms", "1") as (address, process):
        await post(address, request("rater", "<problem>\nFind x.\n</problem>"))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
