"""Why a run's shards were worked on again, though an earlier run had the same rows. Pure: two plans are compared.

A stage is found finished if its fingerprint and its shards are those of an earlier run. The parts of a
fingerprint are in the plan, so whatever differs can be named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel

from flows.plan import Plan
from tasks.stage import PlannedStage


class Because(BaseModel):
    """Why one stage of a run was done again."""

    stage: str
    earlier: str
    """The latest earlier run that had this stage over some of the same rows."""
    differs: list[str]


def why(run: Plan, earlier: Sequence[Plan]) -> list[Because]:
    """For each stage done again, what differs from the latest of the `earlier` runs (oldest first) over its rows.

    A stage that any of them left finished for the same shards was found, and is not listed.
    """
    kin = [plan for plan in reversed(earlier) if _intakes(plan) & _intakes(run)]
    found: list[Because] = []
    for name, stage in _named(run).items():
        others = [(plan, theirs) for plan in kin if (theirs := _named(plan).get(name))]
        same = [plan for plan, theirs in others if theirs.fingerprint == stage.fingerprint]
        if any(_ranges(plan, run) == _ranges(run, plan) for plan in same) or not others:
            continue
        if same:
            differs = [f"shards: {len(same[0].shards)} -> {len(run.shards)} (its replies were found, not bought)"]
            found.append(Because(stage=name, earlier=same[0].run, differs=differs))
        else:
            plan, theirs = others[0]
            found.append(Because(stage=name, earlier=plan.run, differs=differences(theirs, stage)))
    return found


def differences(old: PlannedStage, new: PlannedStage) -> list[str]:
    """The parts by which two fingerprints of a stage differ, in words."""
    if not old.parts or not new.parts:
        return ["unknown: one of the plans does not name the parts of its fingerprints"]
    names = [*new.parts, *(name for name in old.parts if name not in new.parts)]
    return [
        _line(name, old.parts.get(name), new.parts.get(name))
        for name in names
        if old.parts.get(name) != new.parts.get(name)
    ]


def _line(name: str, old: str | None, new: str | None) -> str:
    kind, _, key = name.partition(".")
    change = "is new" if old is None else "is gone" if new is None else "changed"
    match kind:
        case "upstream":
            return "upstream: a stage before it differs"
        case "files":
            return f"file {key} {change}"
        case "inputs":
            return f"input {key} {change}"
        case "roles":
            return f"model of {key}: {old or '(none)'} -> {new or '(none)'}"
        case _:
            return f"{name}: {old or '(none)'} -> {new or '(none)'}"


def _named(plan: Plan) -> dict[str, PlannedStage]:
    """A run's stages by name; a stage that runs again later is told apart by its number."""
    times: Counter[str] = Counter()
    named = {}
    for stage in [*plan.stages, plan.publish]:
        times[stage.stage] += 1
        named[stage.stage if times[stage.stage] == 1 else f"{stage.stage} ({times[stage.stage]})"] = stage
    return named


def _intakes(plan: Plan) -> set[str]:
    return {intake.digest for intake in plan.intakes}


def _ranges(plan: Plan, other: Plan) -> set[str]:
    """The names of a run's shards within the intakes that it shares with another."""
    shared = _intakes(plan) & _intakes(other)
    return {shard.name for shard in plan.shards if shard.intake in shared}
