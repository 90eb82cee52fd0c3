"""The stages a recipe can name, and where each one's task and settings are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prefect import Task
from pydantic import BaseModel

from tasks.classify import task as classify
from tasks.decontaminate import task as decontaminate
from tasks.publish import task as publish
from tasks.rate import task as rate
from tasks.screen import task as screen
from tasks.solve import task as solve
from tasks.stage import Stage
from tasks.verify import task as verify


def _nothing(_: BaseModel) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A stage and the Prefect task that brings one shard through it.

    `inputs` gives the digests of what a stage reads beside its rows, so that they enter its fingerprint.
    """

    stage: Stage
    task: Task[..., Any]
    inputs: Callable[[Any], Mapping[str, str]] = _nothing


PER_SHARD: dict[str, Entry] = {
    "screen": Entry(stage=screen.STAGE, task=screen.screen),
    "decontaminate": Entry(stage=decontaminate.STAGE, task=decontaminate.decontaminate, inputs=decontaminate.inputs),
    "rate": Entry(stage=rate.STAGE, task=rate.rate),
    "solve": Entry(stage=solve.STAGE, task=solve.solve),
    "verify": Entry(stage=verify.STAGE, task=verify.verify),
    "classify": Entry(stage=classify.STAGE, task=classify.classify),
}
PUBLISH = Entry(stage=publish.STAGE, task=publish.publish)
