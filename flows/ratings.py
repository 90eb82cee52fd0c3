"""What the ratings of a run are worth: how far they agree, what early stopping may have got wrong, and how they stand
beside problems of known level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows import plan as plans
from flows.plan import Plan
from tasks.errors import SourceError, StorageError
from tasks.rate.agreement import Agreement, agreement
from tasks.rate.audit import Audit, audit
from tasks.rate.calibration import Calibration, Fit, calibration
from tasks.rate.rating import Settings
from tasks.rows import manifest as manifests
from tasks.rows.problem import problem_id
from tasks.rows.storage import Storage

STAGE = "rate"


class Known(BaseModel):
    """A line of a file of known levels; what else it holds is not read."""

    model_config = ConfigDict(frozen=True)

    question: str = Field(description="The problem as its source has it, which is what tells it from others")
    difficulty: float = Field(description="Its level on the scale of 1 to 10")


class Ratings(BaseModel):
    """The ratings of one run by one rater."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    rater: str
    gate: float
    agreement: Agreement
    audit: Audit | None = Field(description="Where ratings may stop by their statistics")
    calibration: Calibration | None = Field(description="Beside the problems of known level, where they are given")


def ratings(storage: Storage, plan: Plan, known: Mapping[str, float] | None = None, fit: Fit = "isotonic") -> Ratings:
    """The ratings of a run's finished shards; `known` maps problem ids to levels.

    A recipe that rates twice is told by its first time. Raises `StorageError` where no shard has been rated.
    """
    place = next((i for i, one in enumerate(plan.stages, start=1) if one.stage == STAGE), None)
    done = [chain[place] for chain in plans.chains(storage, plan) if place and len(chain) > place]
    if place is None or not done:
        raise StorageError(f"run {plan.run} has no finished shard of {STAGE}: there are no ratings yet")
    planned = plan.stages[place - 1]
    settings = Settings.model_validate(planned.settings)
    statistical = settings.stopping == "statistical"
    table = pl.concat([manifests.read(storage, one) for one in done]).filter(pl.col("ratings").is_not_null())
    given = dict(table.select("problem_id", "ratings").iter_rows())
    return Ratings(
        run=plan.run,
        rater=planned.roles["rater"].identity,
        gate=settings.gate,
        agreement=agreement(list(given.values())),
        audit=audit(table.select("ratings", "rating_audited").iter_rows(), settings) if statistical else None,
        calibration=None if known is None else _beside(given, known, settings, fit),
    )


def _beside(
    given: Mapping[str, Sequence[float]], known: Mapping[str, float], settings: Settings, fit: Fit
) -> Calibration:
    """Calibrated on problems with all ratings: a mean of those that stopped early leans away from the gate."""
    whole = [name for name, ones in given.items() if len(ones) == settings.samples and name in known]
    return calibration([(fmean(given[name]), known[name]) for name in whole], settings.gate, fit)


def read_known(path: Path) -> dict[str, float]:
    """Levels by problem id, of a file of JSON lines with `question` and `difficulty`. Raises `SourceError`."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as fault:
        raise SourceError(f"{path} cannot be read: {fault.strerror}") from fault
    levels = {}
    for number, line in enumerate(lines, start=1):
        try:
            row = Known.model_validate_json(line) if line.strip() else None
        except ValidationError as fault:
            raise SourceError(f"{path}, line {number}: not a question with its difficulty: {fault}") from fault
        if row:
            levels[problem_id(row.question)] = row.difficulty
    return levels
