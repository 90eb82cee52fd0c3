"""What an endpoint says of its models: GET /v1/models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import aiohttp
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from tasks.models.endpoint import Endpoint

_LIMIT = aiohttp.ClientTimeout(total=30)


class Listed(BaseModel):
    """A model as its endpoint lists it; vLLM tells the context length, OpenAI the day a model ends."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    max_model_len: int | None = None
    shutdown_date: date | None = None

    @field_validator("shutdown_date", mode="before")
    @classmethod
    def _day(cls, given: Any) -> Any:
        return datetime.fromtimestamp(given).date() if isinstance(given, int) else given


async def listed(http: aiohttp.ClientSession, endpoint: Endpoint, api_key: str | None) -> Mapping[str, Listed]:
    """The models by name; empty where the endpoint has no such list, or none that can be read."""
    if not endpoint.address:
        return {}
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with http.get(f"{endpoint.address}/models", headers=headers, timeout=_LIMIT) as response:
            found = await response.json(content_type=None)
        return {one.id: one for one in map(Listed.model_validate, found["data"])}
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, ValidationError, KeyError, TypeError):
        return {}
