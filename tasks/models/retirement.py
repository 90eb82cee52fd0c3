"""When hosted models end: a dated table with sources. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

TABLE = Path(__file__).with_name("retirements.yaml")


class Retirement(BaseModel):
    """The last day of a hosted model, and what its provider offers instead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ends: date
    instead: str
    as_of: date
    source: str


@cache
def table() -> Mapping[str, Retirement]:
    """The table that ships with the project, by name without a provider's prefix."""
    return TypeAdapter(dict[str, Retirement]).validate_python(yaml.safe_load(TABLE.read_text(encoding="utf-8")))


def of(model: str) -> Retirement | None:
    """When the model of a recipe ends, as far as the table knows. Only hosted models have an end."""
    return table().get(model.rpartition("/")[2])
