"""What every per-shard stage does around its decisions: find, read, decide, count, write.

A stage is a pure decision over rows plus the replies it asks for; this module is the rest. It knows nothing
of Prefect: `tasks.task` does.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from tasks import world
from tasks.errors import LeaseLost, RejectedRequest
from tasks.ledger.leases import Lease
from tasks.models.asker import ASKED, Desk
from tasks.models.prompt import Ask
from tasks.models.request import Model
from tasks.rows import chain as chains
from tasks.rows import manifest as manifests
from tasks.rows.fingerprint import canonical_json, digest, digest_bytes
from tasks.rows.manifest import VERDICTS, Manifest
from tasks.rows.memory import give_back
from tasks.rows.shards import Shard
from tasks.rows.tables import Schema, table
from tasks.rows.verdict import Decision, Verdict, quarantine
from tasks.world import Where

REJECTED = "rejected"
"""Quarantined in any stage that asks: the endpoint will not answer this row's request, however often it is asked."""
POISON = "poison"
"""Quarantined likewise: the row's request kills the engine that serves the model."""
ROWS_AT_ONCE = 2048
"""Rows of a shard that are being decided: what a shard needs of memory does not grow with its rows. More than an
endpoint is asked at once, so that stored replies are fetched many at a time."""
BATCHED_ROWS_AT_ONCE = 50_000
"""The same where requests go out in batches: a window that is smaller than a batch would take a day for each."""
ASKED_TABLE = "asked"
"""The table, beside the verdicts of every stage that asks models, of which replies its rows rest on."""
_TIMES_LOST = 3
"""A shard whose lease was lost so often, so that another run works on it, is left to that run."""

_log = logging.getLogger(__name__)

Row = Mapping[str, Any]
Decide = Callable[[Sequence[Row], Desk, Any], Awaitable[list[Decision]]]
"""Decides rows by asking at a desk, under settings of the stage's own model."""
SAMPLES_OF_A_REQUEUE = 1000
"""A requeue that changes no setting asks for samples from a multiple of this on, so that it gets other replies."""


def _whole(settings: BaseModel) -> BaseModel:
    return settings


def _none(_: BaseModel) -> tuple[str, ...]:
    return ()


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
    more_roles: Callable[[Any], tuple[str, ...]] = _none
    """Roles that the stage asks besides under some settings."""
    files: tuple[Path, ...] = ()
    """Prompts and data files whose bytes bear on the answer."""


class Requeue(BaseModel):
    """Rows that a stage quarantined for a reason, decided again by it: a recorded input of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(min_length=1, description="Quarantine reason of the rows to decide again")
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the stage that differ for them, such as a greater max_tokens; if there are none, "
        "they are asked again as they were, for fresh samples",
    )

    def takes(self, decision: Decision) -> bool:
        """Whether a row with this decision is decided again."""
        return decision.verdict is Verdict.QUARANTINE and decision.reason == self.reason


class PlannedStage(BaseModel):
    """A stage as one recipe runs it: settings fixed, models bound, fingerprint computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    fingerprint: str
    parts: dict[str, str] = Field(
        default_factory=dict,
        description="What the fingerprint is made of, each a digest or the JSON of a value, by a name such as "
        "settings.gate, files.prompt.md, roles.rater, inputs.benchmarks, version, upstream",
    )
    settings: dict[str, Any]
    requeue: tuple[Requeue, ...] = ()
    roles: dict[str, Model] = Field(default_factory=dict)


def plan(
    stage: Stage, settings: BaseModel, roles: Mapping[str, Model], upstream: str,
    requeue: Sequence[Requeue] = (), **inputs: str,
) -> PlannedStage:  # fmt: skip
    """Bind a stage to its settings and models. `inputs` are digests of data it reads beside its rows."""
    bound = {role: roles[role] for role in asked_roles(stage, settings, requeue)}
    identity = {
        "stage": stage.name,
        "version": stage.version,
        "settings": stage.identity(settings),
        "files": {path.name: digest_bytes(path.read_bytes()) for path in stage.files},
        "roles": {role: model.identity for role, model in bound.items()},
        "inputs": inputs,
        "upstream": upstream,
    }
    if requeue:
        identity["requeue"] = [
            {"reason": one.reason, "settings": stage.identity(again(stage, settings, one)), "same": not one.settings}
            for one in requeue
        ]
    return PlannedStage(
        stage=stage.name,
        fingerprint=digest(identity),
        parts=_parts(identity),
        settings=settings.model_dump(mode="json"),
        requeue=tuple(requeue),
        roles=bound,
    )


def asked_roles(stage: Stage, settings: BaseModel, requeue: Sequence[Requeue] = ()) -> tuple[str, ...]:
    """The roles that a stage asks under its settings and those of its requeues."""
    every = (settings, *(again(stage, settings, one) for one in requeue))
    return tuple(dict.fromkeys((*stage.roles, *(role for each in every for role in stage.more_roles(each)))))


def again(stage: Stage, settings: BaseModel, requeue: Requeue) -> BaseModel:
    """The settings of a requeue: the stage's, and what differs. Raises `ValidationError`."""
    return stage.settings.model_validate({**settings.model_dump(mode="json"), **requeue.settings})


def _parts(identity: Mapping[str, Any]) -> dict[str, str]:
    """An identity as flat names and texts, to tell later which part of it differs from another's."""
    parts: dict[str, str] = {}
    for name, value in json.loads(canonical_json(identity)).items():
        inner = {f"{name}.{key}": one for key, one in value.items()} if isinstance(value, dict) else {name: value}
        parts |= {key: one if isinstance(one, str) else canonical_json(one) for key, one in inner.items()}
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A shard's manifest, and whether it was there already."""

    manifest: Manifest
    reused: bool


def run_shard(
    stage: Stage, planned: PlannedStage, shard: Shard, chain: Sequence[Manifest], where: Where, decide: Decide
) -> Done:
    """Bring one shard through one stage; if its manifest exists, that is all.

    While it asks models it alone works on the shard's buckets: of two runs at once the second waits, and finds what
    the first has made. Raises whatever `decide` raises, after everything in flight has been awaited and logged.
    """
    storage = world.storage(where.root)
    key = {"stage": stage.name, "fingerprint": planned.fingerprint, "shard": shard.name, "upstream": chain[-1].digest}
    find = partial(manifests.find, storage, **key)
    found = find()
    if found is not None:
        return Done(manifest=found, reused=True)
    rows: Sequence[Row] = chains.rows(storage, shard, chain).to_dicts()

    async def work() -> Done:
        leasing = world.lease(where, stage.name, shard) if planned.roles and rows else nullcontext()
        async with leasing as lease:
            found = await asyncio.to_thread(find) if lease else None
            if found is not None:
                return Done(manifest=found, reused=True)
            _log.info("%s of %s: %d rows to decide", stage.name, shard.name, len(rows))
            decisions, asked = await _decide(stage, planned, shard, where, rows, decide, lease)
            verdicts, evidence = tables(stage, rows, decisions)
            if planned.roles:
                evidence[ASKED_TABLE] = asked
            if lease:
                await lease.renew()
            commit = partial(manifests.commit, rows_in=len(rows), verdicts=verdicts, tables=evidence)
            return Done(manifest=await asyncio.to_thread(commit, storage, **key), reused=False)

    lost = retry_if_exception_type(LeaseLost)
    try:
        return Retrying(retry=lost, stop=stop_after_attempt(_TIMES_LOST), reraise=True)(lambda: asyncio.run(work()))
    finally:
        give_back()


async def _decide(
    stage: Stage,
    planned: PlannedStage,
    shard: Shard,
    where: Where,
    rows: Sequence[Row],
    decide: Decide,
    lease: Lease | None,
) -> tuple[list[Decision], pl.DataFrame]:
    if not rows:
        return [], pl.DataFrame(schema=ASKED)
    async with world.desk(where, stage.name, shard, planned.roles, lease) as desk:
        settings = stage.settings.model_validate(planned.settings)
        decisions = await decide(rows, desk, settings)
        for i, one in enumerate(planned.requeue, start=1):
            places = [place for place, decision in enumerate(decisions) if one.takes(decision)]
            desk.first_sample = 0 if one.settings else i * SAMPLES_OF_A_REQUEUE
            redone = await decide([rows[place] for place in places], desk, again(stage, settings, one))
            for place, decision in zip(places, redone, strict=True):
                decisions[place] = decision
            _log.info("%s of %s: %d rows decided again that were %s", stage.name, shard.name, len(places), one.reason)
        if planned.roles:
            _log.info("%s of %s: %d replies found, %d bought", stage.name, shard.name, desk.found, desk.bought)
        return decisions, desk.asked()


async def each_row(
    rows: Sequence[Row], desk: Desk, role: str, decide_one: Callable[[Row, Ask], Awaitable[Decision]]
) -> list[Decision]:
    """Decide rows concurrently, a window of them at a time; once one fails no other is begun, and those that are
    under way still end and are kept. Raises what the first of the failed rows raised.

    A row whose request the endpoint rejects is quarantined as `rejected`, one that kills it as `poison`.
    """
    decisions: dict[int, Decision] = {}
    faults: dict[int, Exception] = {}
    waiting = enumerate(rows)

    async def decided(row: Row) -> Decision:
        try:
            return await decide_one(row, desk.ask_for(role, row["problem_id"]))
        except RejectedRequest as fault:
            return quarantine(fault.reason, {})

    async def work() -> None:
        for place, row in waiting:
            try:
                decisions[place] = await decided(row)
                if desk.trial:
                    desk.trial.note(decisions[place].verdict)
            except Exception as fault:
                faults[place] = fault
            if faults:
                return

    at_once = BATCHED_ROWS_AT_ONCE if desk.asks_in_batches(role) else ROWS_AT_ONCE
    await asyncio.gather(*(work() for _ in range(min(len(rows), at_once))))
    if faults:
        raise faults[min(faults)]
    return [decisions[place] for place in range(len(rows))]


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
    if taken := {VERDICTS, ASKED_TABLE} & set(evidence):
        raise ValueError(f"stage {stage.name}: {sorted(taken)} are no names for evidence")
    return verdicts, evidence


def _exactly(stage: Stage, decision: Decision) -> Mapping[str, Any]:
    if decision.reason in (REJECTED, POISON):
        return dict.fromkeys(stage.columns)
    columns = decision.columns
    if set(columns) != set(stage.columns):
        raise ValueError(f"stage {stage.name} decided columns {sorted(columns)}, not {sorted(stage.columns)}")
    return columns
