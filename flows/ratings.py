"""What the ratings of a run are worth: how far they agree, what early stopping may have got wrong, and how they stand
beside problems of known level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from tasks.rows.manifest import Manifest
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
    place = _place(plan)
    done = _done(storage, plan, place) if place else []
    if place is None or not done:
        raise StorageError(f"run {plan.run} has no finished shard of {STAGE}: there are no ratings yet")
    planned = plan.stages[place - 1]
    settings = Settings.model_validate(planned.settings)
    given = {name: row for one in done for name, row, _ in _rows(storage, one)}
    return Ratings(
        run=plan.run,
        rater=planned.roles["rater"].identity,
        gate=settings.gate,
        agreement=agreement(list(given.values())),
        audit=_audit(storage, done, settings) if settings.stopping == "statistical" else None,
        calibration=None if known is None else _beside(given, known, settings, fit),
    )


def audited(storage: Storage, plan: Plan) -> Audit | None:
    """What ratings that stop by their statistics may have got wrong in a run; None where they do not. The ratings of
    one shard are held at a time.
    """
    place = _place(plan)
    if place is None:
        return None
    settings = Settings.model_validate(plan.stages[place - 1].settings)
    return _audit(storage, _done(storage, plan, place), settings) if settings.stopping == "statistical" else None


def _place(plan: Plan) -> int | None:
    """Where in a shard's chain the first stage stands that rates; None if none does."""
    return next((place for place, planned in enumerate(plan.stages, start=1) if planned.stage == STAGE), None)


def _done(storage: Storage, plan: Plan, place: int) -> list[Manifest]:
    return [chain[place] for chain in plans.chains(storage, plan) if len(chain) > place]


def _rows(storage: Storage, rated: Manifest) -> Iterator[tuple[str, list[float], bool]]:
    """Problem, ratings, and whether it is of the audit sample."""
    table = manifests.read(storage, rated, columns=["problem_id", "ratings", "rating_audited"])
    return table.filter(pl.col("ratings").is_not_null()).iter_rows()


def _audit(storage: Storage, done: Sequence[Manifest], settings: Settings) -> Audit:
    return audit(((row, chosen) for one in done for _, row, chosen in _rows(storage, one)), settings)


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
