"""What every per-shard stage does around its decisions: find, read, decide, count, write.

A stage is a pure decision over rows plus the replies it asks for; this module is the rest. It knows nothing
of Prefect: `tasks.task` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tasks import world
from tasks.errors import RejectedRequest
from tasks.models.asker import Desk
from tasks.models.prompt import Ask
from tasks.models.request import Model
from tasks.rows import chain as chains
from tasks.rows import manifest as manifests
from tasks.rows.fingerprint import digest, digest_bytes
from tasks.rows.manifest import VERDICTS, Manifest
from tasks.rows.shards import Shard
from tasks.rows.tables import Schema, table
from tasks.rows.verdict import Decision, quarantine
from tasks.world import Where

REJECTED = "rejected"
"""Quarantined in any stage that asks: the endpoint will not answer this row's request, however often it is asked."""

Row = Mapping[str, Any]
Decide = Callable[[Sequence[Row], Desk], Awaitable[list[Decision]]]


def _whole(settings: BaseModel) -> BaseModel:
    return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a stage is: its identity, and the shape of what it writes (polars types by column)."""

    name: str
    version: int
    settings: type[BaseModel]
    columns: Schema
    identity: Callable[[Any], Any] = _whole
    """What of the settings bears on the answer; values that only say where something lies are left out."""
    evidence: Mapping[str, Schema] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    """Prompts and data files whose bytes bear on the answer."""


class PlannedStage(BaseModel):
    """A stage as one recipe runs it: settings fixed, models bound, fingerprint computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    fingerprint: str
    settings: dict[str, Any]
    roles: dict[str, Model] = Field(default_factory=dict)


def plan(stage: Stage, settings: BaseModel, roles: Mapping[str, Model], upstream: str, **inputs: str) -> PlannedStage:
    """Bind a stage to its settings and models. `inputs` are digests of data it reads beside its rows."""
    bound = {role: roles[role] for role in stage.roles}
    fingerprint = digest(
        {
            "stage": stage.name,
            "version": stage.version,
            "settings": stage.identity(settings),
            "files": {path.name: digest_bytes(path.read_bytes()) for path in stage.files},
            "roles": {role: model.identity for role, model in bound.items()},
            "inputs": inputs,
            "upstream": upstream,
        }
    )
    return PlannedStage(
        stage=stage.name, fingerprint=fingerprint, settings=settings.model_dump(mode="json"), roles=bound
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A shard's manifest, and whether it was there already."""

    manifest: Manifest
    reused: bool


def run_shard(
    stage: Stage, planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where, decide: Decide
) -> Done:
    """Bring one shard through one stage; if its manifest exists, that is all.

    Raises whatever `decide` raises, after everything in flight has been awaited and logged.
    """
    storage = world.storage(where.root)
    upstream = chain[-1].digest
    found = manifests.find(storage, stage.name, planned.fingerprint, shard.name, upstream)
    if found is not None:
        return Done(manifest=found, reused=True)
    rows: Sequence[Row] = chains.rows(storage, shard, chain).to_dicts()
    decisions = asyncio.run(_decide(stage, planned, shard, where, rows, decide))
    verdicts, evidence = tables(stage, rows, decisions)
    manifest = manifests.commit(
        storage,
        stage=stage.name,
        fingerprint=planned.fingerprint,
        shard=shard.name,
        upstream=upstream,
        rows_in=len(rows),
        verdicts=verdicts,
        tables=evidence,
    )
    return Done(manifest=manifest, reused=False)


async def _decide(
    stage: Stage, planned: PlannedStage, shard: Shard, where: Where, rows: Sequence[Row], decide: Decide
) -> list[Decision]:
    if not rows:
        return []
    async with world.desk(where, stage.name, shard, planned.roles) as desk:
        return await decide(rows, desk)


async def each_row(
    rows: Sequence[Row], desk: Desk, role: str, decide_one: Callable[[Row, Ask], Awaitable[Decision]]
) -> list[Decision]:
    """Decide all rows concurrently; if one fails, the others' requests in flight still end and are kept.

    A row whose request the endpoint rejects is quarantined as `rejected`, in whatever stage.
    """

    async def decide_or_set_aside(row: Row) -> Decision:
        try:
            return await decide_one(row, desk.ask_for(role, row["problem_id"]))
        except RejectedRequest:
            return quarantine(REJECTED, {})

    outcomes = await asyncio.gather(*(decide_or_set_aside(row) for row in rows), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Decision)]


def tables(
    stage: Stage, rows: Sequence[Row], decisions: Sequence[Decision]
) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Decisions as the stage's verdict table and evidence tables, in the order of the rows."""
    ids = [row["problem_id"] for row in rows]
    base: Schema = {"problem_id": pl.String, "verdict": pl.String, "reason": pl.String}
    verdicts = table(
        (
            {"problem_id": one, "verdict": d.verdict.value, "reason": d.reason, **_exactly(stage, d)}
            for one, d in zip(ids, decisions, strict=True)
        ),
        {**base, **stage.columns},
    )
    evidence = {
        name: table(
            (
                {"problem_id": one, **line}
                for one, d in zip(ids, decisions, strict=True)
                for line in d.evidence.get(name, ())
            ),
            {"problem_id": pl.String, **schema},
        )
        for name, schema in stage.evidence.items()
    }
    if VERDICTS in evidence:
        raise ValueError(f"stage {stage.name}: {VERDICTS!r} is not a name for evidence")
    return verdicts, evidence


def _exactly(stage: Stage, decision: Decision) -> Mapping[str, Any]:
    if decision.reason == REJECTED:
        return dict.fromkeys(stage.columns)
    columns = decision.columns
    if set(columns) != set(stage.columns):
        raise ValueError(f"stage {stage.name} decided columns {sorted(columns)}, not {sorted(stage.columns)}")
    return columns
