"""One look at a run: read from its storage root, written on its board."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from flows import plan as plans
from flows import report
from flows.alerts import Alerts
from flows.board import Board
from flows.budgets import BudgetLine, approvals, standing
from flows.plan import Plan
from tasks.ledger import gpu
from tasks.ledger import spend as spends
from tasks.ledger.budget import Position
from tasks.ledger.gpu_split import total
from tasks.report import alarms, pages
from tasks.report.funnel import funnel
from tasks.report.outlay import OfRun, of_run
from tasks.report.pages import Example, FailedShard, StageSpend
from tasks.report.progress import Pace, began, first_looks, progress, words
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.manifest import Manifest
from tasks.rows.ranges import Ranged
from tasks.rows.storage import Storage
from tasks.rows.verdict import Verdict

_EXAMPLES = 3
_log = logging.getLogger(__name__)


class View:
    """A run's board and what must be remembered from look to look."""

    def __init__(self, storage: Storage, plan: Plan, board: Board, alerts: Alerts) -> None:
        self._storage, self._plan, self._board, self._alerts = storage, plan, board, alerts
        self._stages = [planned.stage for planned in plan.stages]
        self._chains: list[list[Manifest]] = []
        self._paces: dict[str, Pace] = {}
        self._examples: dict[tuple[str, str], list[Example]] = {}
        self._searched: set[str] = set()
        self._failures: list[FailedShard] = []
        self._told: OfRun | None = None

    def failed(self, one: FailedShard) -> None:
        """Tell that a shard failed, and show it from the next look on."""
        self._failures.append(one)
        self._alerts.tell(alarms.of_failures([one]))

    def reported(self) -> None:
        """Publish the report of the run as of the last look, and show where it lies. It is made of what is there
        anyway: that it cannot be made is told, and is no fault of the run.
        """
        try:
            address = report.publish(self._storage, self._plan, self._told)
            self._board.markdown("report", pages.report_page(address), f"The report of run {self._plan.run}")
        except Exception as fault:  # whatever it is: the data set is there
            _log.warning("the report could not be made: %s: %s", type(fault).__name__, fault)

    def update(self) -> None:
        """Look, and show what has changed."""
        self._told = None  # if this look comes to nothing, the report reads the log itself
        chains = self._chains = plans.chains(self._storage, self._plan, self._chains)
        last = plans.published(self._storage, self._plan, chains)
        self._show_progress(chains)
        steps = funnel(chains, self._plan.intakes, last)
        self._board.markdown("funnel", pages.funnel_page(steps, len(chains)), f"Rows of run {self._plan.run}")
        now = time.time_ns() // 1_000_000
        told = self._told = of_run(self._storage, self._plan.run, now)
        budgets = [_position(one) for one in standing(self._storage, self._plan.run)]
        self._show_spend(chains, told, budgets)
        self._show_quarantine([*self._plan.intakes, *(one for chain in chains for one in chain[1:])])
        self._board.markdown("failed-shards", pages.failed_page(self._failures), "Shards that did not get through")
        endpoints = alarms.of_endpoints(told.lately, now)
        self._alerts.tell([*alarms.of_funnel(steps), *endpoints, *alarms.of_budgets(budgets)])

    def _show_progress(self, chains: Sequence[Sequence[Manifest]]) -> None:
        now = time.monotonic()
        self._paces = first_looks(
            progress(self._stages, chains, {}, now), self._paces, began(self._stages, chains), now
        )
        for i, one in enumerate(progress(self._stages, chains, self._paces, now), start=1):
            self._board.progress(f"progress-{i}-{one.stage}", one.percent, words(one))

    def _show_spend(self, chains: Sequence[Sequence[Manifest]], told: OfRun, budgets: Sequence[Position]) -> None:
        paid = {line["stage"]: line for line in spends.spend(told.outcomes, spends.By.STAGE).to_dicts()}
        lines = [
            _stage_spend(
                planned.stage, paid.get(planned.stage, {}), sum(len(chain) > i for chain in chains), len(chains)
            )
            for i, planned in enumerate(self._plan.stages, start=1)
            if planned.roles
        ]
        accepted = sum(chain[-1].kept for chain in chains if len(chain) == len(self._stages) + 1)
        rehearsal = any(model.identity.startswith("rehearsal/") for model in self._plan.models.values())
        hours = total(gpu.leases(self._storage, self._plan.run), time.time_ns() // 1_000_000)
        page = pages.spend_page(
            lines,
            accepted,
            told.maybe.height,
            int(told.maybe["bound_microusd"].sum()),
            rehearsal,
            budgets,
            hours,
            [one.words for one in approvals(self._storage, self._plan.run)],
        )
        self._board.markdown("spend", page, f"Paid by run {self._plan.run}, from the ledger")

    def _show_quarantine(self, done: Sequence[Manifest]) -> None:
        reasons: Counter[tuple[str, str]] = Counter()
        for manifest in done:
            reasons.update({(manifest.stage, reason): n for reason, n in manifest.quarantined.items()})
            self._find_examples(manifest)
        page = pages.quarantine_page(reasons, self._examples)
        self._board.markdown("quarantine", page, "Rows that nobody could decide on, by stage and reason")

    def _find_examples(self, manifest: Manifest) -> None:
        wanted = [
            reason for reason in manifest.quarantined
            if len(self._examples.get((manifest.stage, reason), ())) < _EXAMPLES
        ]  # fmt: skip
        if manifest.digest in self._searched or not wanted:
            return
        self._searched.add(manifest.digest)
        rows = manifests.read(self._storage, manifest).filter(
            pl.col("verdict") == Verdict.QUARANTINE, pl.col("reason").is_in(wanted)
        )
        for row in rows.sort("problem_id").iter_rows(named=True):
            found = self._examples.setdefault((manifest.stage, row["reason"]), [])
            if len(found) < _EXAMPLES:
                found.append(self._example(row))

    def _example(self, row: dict[str, Any]) -> Example:
        """A row by its problem; one that never became a problem by where it stands in its source."""
        if row["problem_id"]:
            return Example(row=row["problem_id"][:12], text=self._question(row["problem_id"]))
        return Example(row=f"{row['source']} {row['locator']}", text=row["detail"] or "")

    def _question(self, problem: str) -> str:
        """A question as it was collected; of the pool no more is read than the row group that holds it."""
        for intake in self._plan.intakes:
            with Ranged(self._storage, intake.files[PROBLEMS]) as pool:
                found = pool.between(problem, f"{problem}0")
            if found.height:
                return str(found["question"][0])
        return ""


def _position(one: BudgetLine) -> Position:
    return Position(scope=one.scope, limit=one.limit, spent=one.spent, maybe=one.possibly_paid, reserved=one.reserved)


def _stage_spend(stage: str, paid: dict[str, int], done: int, shards: int) -> StageSpend:
    return StageSpend(
        stage=stage,
        replies=paid.get("replies", 0),
        errors=paid.get("errors", 0),
        tokens=paid.get("prompt_tokens", 0) + paid.get("completion_tokens", 0),
        microusd=paid.get("microusd", 0),
        shards_done=done,
        shards=shards,
    )
