"""OpenAI's files and batches, rehearsed: the real limits, half the price, partial failure, and expiry.

State lies in a folder, one file an object, so it outlives the process. A batch is worked on when somebody looks at it
after its time has come; each request is in the journal before its result is in a file.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from tasks.models.rehearsal import wire

MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
ENDPOINT = "/v1/chat/completions"

Serve = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]
"""HTTP status and body of the reply to one request of a batch, on record when it is given."""


class BatchPlan(BaseModel):
    """How batches go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=0.0, ge=0, description="From creation to the end")
    expires_after: int | None = Field(default=None, ge=0, description="So many requests are served, then time is up")
    failing: float = Field(
        default=0.0, ge=0, le=1, description="Share of requests that end in the error file, as 500"
    )
    most_requests: int = Field(default=MOST_REQUESTS, ge=1, le=MOST_REQUESTS)
    most_bytes: int = Field(default=MOST_BYTES, ge=1, le=MOST_BYTES)


class Batches:
    """Files and batches in a folder."""

    def __init__(self, folder: Path, plan: BatchPlan | None = None) -> None:
        self._folder, self._plan = folder, plan or BatchPlan()
        folder.mkdir(parents=True, exist_ok=True)

    def upload(self, data: bytes) -> dict[str, Any]:
        """Keep an input file; gives the file object."""
        file_id = f"file-{uuid4().hex}"
        (self._folder / f"{file_id}.jsonl").write_bytes(data)
        return {"id": file_id, "object": "file", "bytes": len(data), "purpose": "batch", "rehearsal": True}

    def content(self, file_id: str) -> bytes | None:
        """A file, whole; None if there is none of that id."""
        path = self._folder / f"{Path(file_id).name}.jsonl"
        return path.read_bytes() if path.is_file() else None

    def create(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A batch over an uploaded file, `failed` from the start where its input is not valid."""
        lines = (self.content(str(asked.get("input_file_id"))) or b"").splitlines()
        faults = self._faults(lines)
        batch = {
            "id": f"batch_{uuid4().hex}",
            "object": "batch",
            "endpoint": ENDPOINT,
            "completion_window": "24h",
            "input_file_id": asked.get("input_file_id"),
            "status": "failed" if faults else "in_progress",
            "errors": {"object": "list", "data": [{"code": "invalid", "message": one} for one in faults]},
            "created_at": time.time(),
            "metadata": asked.get("metadata"),
            "output_file_id": None,
            "error_file_id": None,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "rehearsal": True,
        }
        self._keep(batch)
        return batch

    def all(self) -> list[dict[str, Any]]:
        """Every batch, youngest first."""
        found = [json.loads(path.read_text()) for path in self._folder.glob("batch_*.json")]
        return sorted(found, key=lambda batch: (-batch["created_at"], batch["id"]))

    def get(self, batch_id: str, serve: Serve) -> dict[str, Any] | None:
        """A batch as it is now, carried out if its time has come; None if there is none of that id."""
        path = self._folder / f"{Path(batch_id).name}.json"
        if not path.is_file():
            return None
        batch: dict[str, Any] = json.loads(path.read_text())
        if batch["status"] == "in_progress" and time.time() >= batch["created_at"] + self._plan.seconds:
            self._carry_out(batch, serve)
            self._keep(batch)
        return batch

    def _faults(self, lines: Sequence[bytes]) -> list[str]:
        try:
            ids = [json.loads(line)["custom_id"] for line in lines]
        except (ValueError, KeyError, TypeError):
            return ["a line is not JSON with a custom_id"]
        return [
            *(["the file is empty or not there"] if not lines else []),
            *([f"more than {self._plan.most_requests} requests"] if len(lines) > self._plan.most_requests else []),
            *(["too many bytes"] if sum(map(len, lines)) + len(lines) > self._plan.most_bytes else []),
            *(["a custom_id twice"] if len(set(ids)) < len(ids) else []),
        ]

    def _carry_out(self, batch: dict[str, Any], serve: Serve) -> None:
        results: dict[str, list[dict[str, Any]]] = {"output": [], "error": []}
        lines = (self.content(batch["input_file_id"]) or b"").splitlines()
        for number, line in enumerate(map(json.loads, lines)):
            expired = self._plan.expires_after is not None and number >= self._plan.expires_after
            kind, result = ("error", _expired(line)) if expired else self._result(line, serve)
            results[kind].append(result)
        batch["status"] = "expired" if _is_cut(results["error"]) else "completed"
        batch["request_counts"] |= {"completed": len(results["output"]), "failed": len(results["error"])}
        for kind, found in results.items():
            if found:
                data = "".join(json.dumps(one) + "\n" for one in found).encode("ascii")
                batch[f"{kind}_file_id"] = self.upload(data)["id"]

    def _result(self, line: Mapping[str, Any], serve: Serve) -> tuple[str, dict[str, Any]]:
        drawn = int(sha256(line["custom_id"].encode()).hexdigest()[:8], 16) / 16**8
        if drawn < self._plan.failing:
            status, body = 500, wire.error("planned fault", code="server_error")
        else:
            status, body = serve(line["body"])
        response = {"status_code": status, "request_id": uuid4().hex, "body": body}
        result = {"id": uuid4().hex, "custom_id": line["custom_id"], "response": response, "error": None}
        return "output" if status == 200 else "error", result

    def _keep(self, batch: Mapping[str, Any]) -> None:
        path = self._folder / f"{batch['id']}.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(batch))
        draft.replace(path)


def _expired(line: Mapping[str, Any]) -> dict[str, Any]:
    error = {"code": "batch_expired", "message": "This request could not be executed before the completion window."}
    return {"id": uuid4().hex, "custom_id": line["custom_id"], "response": None, "error": error}


def _is_cut(errors: Sequence[Mapping[str, Any]]) -> bool:
    return any(one["error"] for one in errors)


def add_routes(app: web.Application, batches: Batches, serve: Serve) -> None:
    """Serve files and batches under /v1."""

    async def upload(request: web.Request) -> web.Response:
        async for part in await request.multipart():
            if getattr(part, "name", None) == "file":
                return web.json_response(batches.upload(bytes(await part.read())))  # type: ignore[union-attr]
        return web.json_response(wire.error("no file in the form", code="invalid_request"), status=400)

    async def create(request: web.Request) -> web.Response:
        return web.json_response(batches.create(await request.json()))

    async def listed(request: web.Request) -> web.Response:
        limit, after = int(request.query.get("limit", 20)), request.query.get("after")
        every = batches.all()
        start = next((i + 1 for i, one in enumerate(every) if one["id"] == after), 0)
        page = every[start : start + limit]
        return web.json_response({"object": "list", "data": page, "has_more": len(every) > start + limit})

    async def get(request: web.Request) -> web.Response:
        return _or_404(batches.get(request.match_info["id"], serve))

    async def content(request: web.Request) -> web.Response:
        data = batches.content(request.match_info["id"])
        return _or_404(None) if data is None else web.Response(body=data)

    app.router.add_post("/v1/files", upload)
    app.router.add_get("/v1/files/{id}/content", content)
    app.router.add_post("/v1/batches", create)
    app.router.add_get("/v1/batches", listed)
    app.router.add_get("/v1/batches/{id}", get)


def _or_404(found: dict[str, Any] | None) -> web.Response:
    if found is None:
        return web.json_response(wire.error("there is nothing of that id", code="not_found"), status=404)
    return web.json_response(found)
