"""One row's whole story: where it came from, what each stage said of it and on what grounds, what it cost, its end.

Read from a run's manifests and the ledger; only the parts of the tables that hold the row are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from pydantic import BaseModel

from flows import plan as plans
from flows.plan import Plan
from tasks.errors import RecipeError
from tasks.ledger.fold import fold
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.manifest import VERDICTS, Manifest
from tasks.rows.problem import bucket
from tasks.rows.ranges import Ranged, check
from tasks.rows.storage import Storage
from tasks.rows.tables import apart
from tasks.rows.verdict import Verdict
from tasks.stage import ASKED_TABLE

SHORTEST = 6
"""Characters of an identity that are asked for at least."""
_AFTER = "~"  # sorts behind every hexadecimal digit


class Step(BaseModel):
    """What one stage said of the row: its verdict, its own columns, its side tables' lines, its replies."""

    stage: str
    shard: str
    verdict: str
    reason: str | None
    columns: dict[str, Any]
    evidence: dict[str, list[dict[str, Any]]]
    asked: list[dict[str, Any]]


class Story(BaseModel):
    """All that is known of a problem in one run."""

    run: str
    problem_id: str
    outcome: str
    collected: list[dict[str, Any]]
    """Every row of the sources with this text, and what collecting said of it."""
    problem: dict[str, Any] | None
    """The row that was kept, as it was collected."""
    steps: list[Step]
    attempts: list[dict[str, Any]]
    """Outcomes in the ledger of requests made for it, by any run, in their order."""
    paid_microusd: int


def explain(storage: Storage, plan: Plan, wanted: str, log: pl.DataFrame | None = None) -> Story:
    """The story of the problem whose id begins with `wanted`, or of a collected row's (`row_id`).

    `log` is the ledger, where it was read already (`tasks.ledger.spend.events`).
    Raises `RecipeError` where no problem or more than one has it.
    """
    wanted = wanted.strip().casefold()
    if len(wanted) < SHORTEST:
        raise RecipeError(f"{wanted!r} is too short; give at least {SHORTEST} characters of a problem_id or row_id")
    identity, intake, collected = _found(storage, plan, wanted)
    problem = _lines(storage, intake, PROBLEMS, identity)
    kept = any(line["verdict"] == Verdict.KEEP for line in collected)
    steps = _steps(storage, plan, intake, identity) if kept else []
    attempts = _attempts(storage, identity, log)
    return Story(
        run=plan.run,
        problem_id=identity,
        outcome=_outcome(collected, steps, len(plan.stages)),
        collected=collected,
        problem=problem[0] if problem else None,
        steps=steps,
        attempts=attempts,
        paid_microusd=sum(one["microusd"] or 0 for one in attempts),
    )


def _found(storage: Storage, plan: Plan, wanted: str) -> tuple[str, Manifest, list[dict[str, Any]]]:
    """The problem, the intake that holds it, and the collected rows that are it."""
    hits: dict[str, tuple[Manifest, list[dict[str, Any]]]] = {}
    for intake in plan.intakes:
        rows = manifests.read(storage, intake)
        near = pl.col("problem_id").str.starts_with(wanted) | pl.col("row_id").str.starts_with(wanted)
        for identity in rows.filter(near)["problem_id"].unique().to_list():
            whole = (
                rows.filter(problem_id=identity) if identity else rows.filter(near, pl.col("problem_id").is_null())
            )
            if identity not in hits or (whole["verdict"] == Verdict.KEEP).any():
                hits[identity or wanted] = intake, whole.sort("row_id").to_dicts()
    if not hits:
        raise RecipeError(f"no problem or row of {plan.run} begins with {wanted!r}; `audit draw` lists some")
    if len(hits) > 1:
        raise RecipeError(f"{len(hits)} problems of {plan.run} begin with {wanted!r}: {', '.join(sorted(hits))}")
    [(identity, (intake, collected))] = hits.items()
    return identity, intake, collected


def _steps(storage: Storage, plan: Plan, intake: Manifest, identity: str) -> list[Step]:
    shard = next(one for one in plan.shards if one.intake == intake.digest and one.low <= bucket(identity) < one.high)
    chains = plans.chains(storage, plan)
    chain = next(chain for one, chain in zip(plan.shards, chains, strict=True) if one == shard)
    last = plans.published(storage, plan, chains)
    steps: list[Step] = []
    for manifest in [*chain[1:], *([last] if last else [])]:
        step = _step(storage, manifest, identity)
        if step is None:
            break
        steps.append(step)
    return steps


def _step(storage: Storage, manifest: Manifest, identity: str) -> Step | None:
    found = _lines(storage, manifest, VERDICTS, identity)
    if not found:
        return None
    line = {name: value for name, value in found[0].items() if name != "problem_id"}
    sides = [name for name in manifest.files if name not in (VERDICTS, ASKED_TABLE) and not _is_data(name)]
    return Step(
        stage=manifest.stage,
        shard=manifest.shard,
        verdict=line.pop("verdict"),
        reason=line.pop("reason"),
        columns=line,
        evidence={name: _lines(storage, manifest, name, identity) for name in sides},
        asked=_lines(storage, manifest, ASKED_TABLE, identity) if ASKED_TABLE in manifest.files else [],
    )


def _is_data(name: str) -> bool:
    return name.split("/")[0] == "dataset"


def _lines(storage: Storage, manifest: Manifest, name: str, identity: str) -> list[dict[str, Any]]:
    """A problem's lines of a table, whose bytes are checked first."""
    check(storage, manifest.files[name])
    with Ranged(storage, manifest.files[name]) as table:
        return table.between(identity, identity + _AFTER).to_dicts()


def _attempts(storage: Storage, identity: str, log: pl.DataFrame | None) -> list[dict[str, Any]]:
    mine = (pl.col("problem_id") == identity) & (pl.col("kind") == "outcome")
    ended = fold(storage, lambda part: apart(part.filter(mine))) if log is None else [log.filter(mine)]
    columns = ("at_ms", "run", "stage", "role", "model", "key", "status", "error", "microusd")
    tokens = ("prompt_tokens", "cached_tokens", "completion_tokens")
    return pl.concat(ended).sort("at_ms", "attempt").select(*columns, *tokens).to_dicts()


def _outcome(collected: Sequence[dict[str, Any]], steps: Sequence[Step], stages: int) -> str:
    if not steps:
        line = collected[0]
        of = f" of {line['duplicate_of']}" if line.get("duplicate_of") else ""
        kept = line["verdict"] == Verdict.KEEP
        return (
            "collected; no stage has decided on it yet"
            if kept
            else f"{_end(line['verdict'])} by collect: {line['reason']}{of}"
        )
    last = steps[-1]
    if last.verdict != Verdict.KEEP:
        return f"{_end(last.verdict)} by {last.stage}: {last.reason}"
    return "released" if len(steps) > stages else f"kept by {last.stage}; what follows has not been done yet"


def _end(verdict: str) -> str:
    return "dropped" if verdict == Verdict.DROP else "quarantined"
