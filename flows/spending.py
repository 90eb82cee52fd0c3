"""What was paid under a root, and what a run would have cost alone: read from the log and the manifests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from pydantic import BaseModel

from flows import plan as plans
from flows.budgets import BudgetLine, standing
from flows.engine_hours import EngineLine, with_card_time
from flows.plan import Plan
from tasks import world
from tasks.ledger import reconcile
from tasks.ledger import spend as spends
from tasks.ledger.fold import fold
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.manifest import Manifest
from tasks.rows.parts import Parts
from tasks.rows.storage import Storage
from tasks.stage import ASKED_TABLE

_KEYS = {"key": pl.String, "microusd": pl.Int64}


class SpendLine(BaseModel):
    """One group of spend."""

    group: str
    attempts: int
    replies: int
    errors: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    microusd: int
    card_ms: int
    """Useful milliseconds of own engines' cards; what was not useful is in `Spend.engines` alone."""


class RunCost(BaseModel):
    """What the latest finished run cost, in micro-dollars; null where its manifests do not say what it asked."""

    run: str
    rows: int
    """Published rows."""
    paid_microusd: int
    """Paid under the run's name."""
    alone_microusd: int | None
    """What it would have cost with an empty store: each reply that its rows rest on, once."""
    saved_microusd: int | None
    """The difference: replies that other runs had paid for, less what this one paid and does not rest on."""
    microusd_per_row: int | None
    """`alone_microusd` for each published row, rounded half up."""


class DifferenceLine(BaseModel):
    """One count of one model and day that the log and the export do not agree on; costs in micro-dollars."""

    model: str
    day: str
    what: str
    ours: int
    theirs: int
    difference: int


class Books(BaseModel):
    """The log held against a provider's export."""

    export: str
    first: str
    last: str
    compared: list[str]
    rounding_microusd: int
    differences: list[DifferenceLine]


class Spend(BaseModel):
    """What was paid under a root, in micro-dollars."""

    by: str
    lines: list[SpendLine]
    engines: list[EngineLine]
    """Hours of own engines, which `microusd` does not hold."""
    microusd: int
    possibly_paid_attempts: int
    possibly_paid_bound_microusd: int
    outrun_replies: int
    """Paid replies on which nothing rests, because another answers their key: late ones of lost leases."""
    outrun_microusd: int
    rehearsal: bool
    latest: RunCost | None
    budgets: list[BudgetLine] = []
    """Of the run that was started last."""


def spend(storage: Storage, by: spends.By) -> Spend:
    """What was paid under a root, grouped, and what its latest finished run would have cost alone."""
    known = sources(storage) if by is spends.By.SOURCE else None
    parts = fold(storage, lambda part: _summed(part, known))
    log = spends.together([part.outcomes for part in parts])
    timed, engines = with_card_time(storage, log)
    groups = spends.spend(timed, by).rename({by.value: "group"}).to_dicts()
    lines = [SpendLine.model_validate(group) for group in groups]
    return Spend(
        by=by.value,
        lines=lines,
        engines=engines,
        microusd=sum(line.microusd for line in lines),
        possibly_paid_attempts=sum(part.maybe for part in parts),
        possibly_paid_bound_microusd=sum(part.maybe_microusd for part in parts),
        outrun_replies=sum(part.outrun for part in parts),
        outrun_microusd=sum(part.outrun_microusd for part in parts),
        rehearsal=any(part.rehearsal for part in parts),
        latest=latest_cost(storage, log),
        budgets=[line for plan in plans.by_start(storage)[-1:] for line in standing(storage, plan.run)],
    )


@dataclass(frozen=True, slots=True)
class _Summed:
    """What of a part of the log is told."""

    outcomes: pl.DataFrame
    maybe: int
    maybe_microusd: int
    outrun: int
    outrun_microusd: int
    rehearsal: bool


def _summed(part: pl.DataFrame, known: pl.DataFrame | None) -> _Summed:
    maybe, outrun = spends.possibly_paid(part), spends.outrun(part)
    return _Summed(
        spends.outcomes(part if known is None else spends.with_sources(part, known)),
        maybe.height,
        int(maybe["bound_microusd"].sum()),
        outrun.height,
        int(outrun["microusd"].sum()),
        bool(part["model"].str.starts_with("rehearsal/").any()),
    )


def reconciled(storage: Storage, export: str, endpoint: str | None, rounding_microusd: int) -> Books:
    """Where the log, or what of it was asked of one endpoint, differs from a usage export. Raises `SourceError`."""
    log = spends.together(fold(storage, spends.outcomes))
    if endpoint is not None:
        log = log.filter(endpoint=endpoint)
    other = reconcile.theirs(world.read_outside(export), export)
    found = reconcile.compare(reconcile.ours(log), other, rounding_microusd)
    return Books(
        export=export,
        first=other.first,
        last=other.last,
        compared=list(other.kinds),
        rounding_microusd=rounding_microusd,
        differences=[DifferenceLine(**asdict(one), difference=one.difference) for one in found],
    )


def sources(storage: Storage) -> pl.DataFrame:
    """The source of every problem of every run: columns run, problem_id, source."""
    tables: dict[str, pl.DataFrame] = {}
    frames = [pl.DataFrame(schema=dict.fromkeys(("run", "problem_id", "source"), pl.String))]
    for plan in plans.load_all(storage):
        for intake in plan.intakes:
            if intake.digest not in tables:
                tables[intake.digest] = manifests.read(storage, intake, PROBLEMS, ["problem_id", "source"])
            frames.append(tables[intake.digest].select(pl.lit(plan.run).alias("run"), "problem_id", "source"))
    return pl.concat(frames)


def latest_cost(storage: Storage, log: pl.DataFrame) -> RunCost | None:
    """The cost of the run that was started last of those that are finished."""
    for plan in reversed(plans.by_start(storage)):
        done = plans.chains(storage, plan)
        last = plans.published(storage, plan, done)
        if last is not None:
            alone = _alone(storage, plan, [manifest for chain in done for manifest in chain[1:]])
            paid = int(log.filter(run=plan.run)["microusd"].sum())
            return _cost(plan.run, last.files["dataset"].rows, paid, alone)
    return None


def _cost(run: str, rows: int, paid: int, alone: int | None) -> RunCost:
    return RunCost(
        run=run,
        rows=rows,
        paid_microusd=paid,
        alone_microusd=alone,
        saved_microusd=None if alone is None else alone - paid,
        microusd_per_row=None if alone is None or not rows else (2 * alone + rows) // (2 * rows),
    )


def _alone(storage: Storage, plan: Plan, done: list[Manifest]) -> int | None:
    """The price of every distinct key that the run's shards asked; None if a manifest does not say what it asked."""
    asking = {stage.fingerprint for stage in plan.stages if stage.roles}
    asked = [manifest for manifest in done if manifest.fingerprint in asking]
    if any(ASKED_TABLE not in manifest.files for manifest in asked):
        return None
    with TemporaryDirectory(prefix="asked-") as folder:
        with Parts(Path(folder, "keys"), "key", _KEYS) as keys:
            for manifest in asked:
                keys.write(manifests.read(storage, manifest, ASKED_TABLE, list(_KEYS)))
        prices = (keys.whole(part).sort("microusd").unique("key", keep="first")["microusd"].sum() for part in keys)
        return sum(map(int, prices))
