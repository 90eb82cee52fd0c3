"""OpenAI's files and batches over HTTP. What fails for a while is tried again; creating a batch never blindly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from tasks.errors import BatchGone, BatchRefused, Unreachable
from tasks.models import retry
from tasks.models.batch_file import ENDPOINT
from tasks.models.retry import Patience

NAME = "curation_batch"
"""The metadata field that holds our name of a batch."""

ENDED = frozenset({"completed", "expired", "failed", "cancelled"})
_GONE = "gone"
"""What a 404 is here: it is said of the batch or the file, not of the key or the account."""
_AMBIGUOUS = frozenset({"cut", "timeout", "server", "garbled"})


class BatchApi:
    """Files and batches at one OpenAI-compatible address."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        address: str,
        api_key: str | None,
        patience: Patience,
        timeout_seconds: float,
    ) -> None:
        self._http, self._address, self._patience = http, address, patience
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._limit = aiohttp.ClientTimeout(total=timeout_seconds)

    async def upload(self, data: bytes) -> str:
        """Upload an input file; gives its id. Raises `BatchRefused` or `Unreachable`."""
        return str(json.loads(await self._patiently("POST", "/files", upload=data))["id"])

    async def create(self, name: str, file_id: str) -> str:
        """Create the batch of that name, or find that it is there already; gives its id.

        Raises `BatchRefused` if there is none now, `Unreachable` if nobody knows.
        """
        asked = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h", "metadata": {NAME: name}}
        for attempt in range(self._patience.attempts):
            error, text, _ = await self._once("POST", "/batches", body=asked)
            if error is None:
                return str(json.loads(text)["id"])
            if error not in retry.RETRIED:
                raise BatchRefused(f"{error}: {text[:300]}")
            await asyncio.sleep(retry.wait_seconds(self._patience, attempt, None))
            if error in _AMBIGUOUS and (there := await self.find(name)):
                return there
        kind = Unreachable if error in _AMBIGUOUS else BatchRefused
        raise kind(f"POST /batches: {error}: {text[:300]}")

    async def find(self, name: str) -> str | None:
        """The id of the batch of that name, if the provider has one. Raises `BatchRefused` or `Unreachable`."""
        after = ""
        while True:
            page = json.loads(await self._patiently("GET", f"/batches?limit=100{after}"))
            for one in page["data"]:
                if (one.get("metadata") or {}).get(NAME) == name:
                    return str(one["id"])
            if not page.get("has_more") or not page["data"]:
                return None
            after = f"&after={page['data'][-1]['id']}"

    async def get(self, batch_id: str) -> Mapping[str, Any]:
        """The batch as it is now. Raises `BatchRefused` or `Unreachable`."""
        return dict(json.loads(await self._patiently("GET", f"/batches/{batch_id}")))

    async def content(self, file_id: str | None) -> str:
        """A result file, whole; empty where there is none. Raises `BatchRefused` or `Unreachable`."""
        return await self._patiently("GET", f"/files/{file_id}/content") if file_id else ""

    async def _patiently(self, method: str, path: str, **sent: Any) -> str:
        for attempt in range(self._patience.attempts):
            error, text, retry_after = await self._once(method, path, **sent)
            if error is None:
                return text
            if error not in retry.RETRIED:
                refused = BatchGone if error == _GONE else BatchRefused
                raise refused(f"{method} {path}: {error}: {text[:300]}")
            await asyncio.sleep(retry.wait_seconds(self._patience, attempt, retry_after))
        raise Unreachable(f"{method} {path}: {error}: {text[:300]}")

    async def _once(
        self, method: str, path: str, *, body: Any = None, upload: bytes | None = None
    ) -> tuple[str | None, str, str | None]:
        """Error class or None, text, Retry-After."""
        form = None
        if upload is not None:
            form = aiohttp.FormData({"purpose": "batch"})
            form.add_field("file", upload, filename="batch.jsonl", content_type="application/jsonl")
        try:
            async with self._http.request(
                method, f"{self._address}{path}", json=body, data=form, headers=self._headers, timeout=self._limit
            ) as response:
                text = await response.text(encoding="utf-8", errors="replace")
                if response.status == 404:
                    return _GONE, text, None
                error = None if response.status == 200 else retry.error_class(response.status, text)
                return error, text, response.headers.get("Retry-After")
        except TimeoutError:
            return "timeout", "", None
        except (aiohttp.ClientError, OSError) as fault:
            return "cut", str(fault), None
