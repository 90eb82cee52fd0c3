"""A run that stops on purpose: it drains, asks a person, and goes on from the top when it is answered.

When a budget is reached, or a stage sets too many rows aside, no new request goes out and what is in flight is kept.
Where a run is estimated to cost more than its recipe lets it unasked, it stops before the first request.
A run of a deployment is then suspended, and the Prefect UI shows a form; a run of the command line ends and says how
to go on. The answer is noted in the ledger, which is what the flow reads when it enters again: the form's values lie
in Prefect's database alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect.context import FlowRunContext
from prefect.flow_runs import suspend_flow_run

from flows import approval, forms
from flows.alerts import Alerts
from flows.going_on import Paused
from flows.plan import Plan
from flows.recipe import Recipe
from tasks import world
from tasks.errors import BudgetReached, CurationError, EngineClosed, TooManyQuarantined
from tasks.ledger import grants
from tasks.ledger.books import BooksOfRun
from tasks.ledger.budget import CARD_TIME, RUN, micro, positions
from tasks.ledger.card_time import CARDS, HOUR_MS
from tasks.ledger.grants import APPROVAL, Grant, Grants, Request
from tasks.ledger.purse import WHOLE_RUN
from tasks.report.alarms import Alarm, Alert
from tasks.report.pages import FailedShard
from tasks.world import Where

HALTS = frozenset({BudgetReached.__name__, EngineClosed.__name__, TooManyQuarantined.__name__})
"""Errors of task runs that are not failures: the shard stopped on purpose, and runs again when the run goes on."""


class RunHalted(CurationError):
    """Shards stopped on purpose, and all others have ended."""

    def __init__(self, halts: Sequence[FailedShard], failures: Sequence[FailedShard]) -> None:
        self.halts, self.failures = list(halts), list(failures)
        by_scope = {(scope_of(one), one.stage * (not scope_of(one))): one.reason for one in self.halts}
        reasons = [by_scope[about] for about in sorted(by_scope)]
        failed = f"\n{len(failures)} other shard(s) failed, and will be tried again." if failures else ""
        super().__init__("\n".join(reasons) + failed)


def scope_of(halt: FailedShard) -> str:
    """The budget that stopped a shard; empty if it was not money."""
    if halt.error != BudgetReached.__name__:
        return ""
    if halt.reason.startswith(CARDS):
        return CARD_TIME
    return RUN if halt.reason.startswith(WHOLE_RUN) else halt.stage


def permitted(recipe: Recipe, where: Where) -> Where:
    """What the run may spend now: the recipe's budget and what was granted. Reads the answer to an open question.

    Suspends the flow run again if it was started without an answer.
    """
    notes = Grants(world.storage(where.root), where.run)
    answered = {(one.request.flow_run, one.request.number) for one in notes.granted()}
    for request in notes.requests(_flow_run()):
        if (request.flow_run, request.number) not in answered:
            notes.answer(_ask(request))
    granted = notes.granted()
    limits = grants.limits(recipe.budget, granted)
    if limits:
        BooksOfRun(world.storage(where.root), where.run).audit()
    return where.model_copy(
        update={
            "limits": limits,
            "card_ms": grants.card_ms(recipe.budget, granted),
            "waived": grants.waived(recipe.budget, granted),
        }
    )


def await_approval(recipe: Recipe, plan: Plan, where: Where, by: str = "") -> None:
    """Return if the run may cost what it is estimated to; `by` is who approves it with this very start.

    Where the recipe's `approve_above_usd` is passed and nobody has approved as much, a run of a deployment is
    suspended, and one of the command line raises `Paused`: nothing was spent.
    """
    if recipe.approve_above_usd is None:
        return
    notes = Grants(world.storage(where.root), where.run)
    found = approval.estimate(recipe, plan, world.storage(where.root))
    cost = micro(found.to_pay_usd.middle)
    if cost <= micro(recipe.approve_above_usd) or grants.is_approved(notes.granted(), cost):
        return
    words = approval.words(found, recipe.approve_above_usd)
    by = by.strip()
    if not by and not _is_deployed():
        raise Paused(words, reached=[APPROVAL])
    request = _request(recipe, notes, words, APPROVAL, cost)
    notes.ask(request)
    notes.answer(Grant(request=request, by=by, at_ms=_now()) if by else _ask(request))


@contextmanager
def at_halt(recipe: Recipe, where: Where) -> Iterator[None]:
    """When the shards of this block have stopped on purpose: suspend a run of a deployment, else raise `Paused`."""
    try:
        yield
    except RunHalted as why:
        _alert(where.run, why.halts)
        books = BooksOfRun(world.storage(where.root), where.run).read()
        now = positions(books, where.limits)
        if not _is_deployed():
            raise Paused(str(why), now, sorted({scope_of(one) for one in why.halts} - {""})) from why
        notes = Grants(world.storage(where.root), where.run)
        halt = min(why.halts, key=lambda one: (scope_of(one) != RUN, one.stage, one.shard))
        scope = scope_of(halt)
        limit = (where.card_ms or 0) if scope == CARD_TIME else where.limits.get(scope, 0)
        stage = halt.stage if halt.error == TooManyQuarantined.__name__ else ""
        request = _request(recipe, notes, str(why), scope, limit, stage)
        notes.ask(request)
        _ask(request)


def _request(recipe: Recipe, notes: Grants, words: str, scope: str, limit: int, stage: str = "") -> Request:
    """The next question of this flow run."""
    return Request(
        at_ms=_now(),
        flow_run=_flow_run(),
        number=len(notes.requests(_flow_run())),
        words=words,
        scope=scope,
        limit=limit,
        stage=stage,
        of_budget=grants.budget_digest(recipe.budget),
    )


def _alert(run: str, halts: Sequence[FailedShard]) -> None:
    """Tell once of each budget that is reached, whatever small part of it is left."""
    context = FlowRunContext.get()
    if context and context.flow_run:
        reached = {scope_of(one): one.reason for one in halts if scope_of(one)}
        alarms = [Alarm(alert=Alert.BUDGET_REACHED, about=scope, words=words) for scope, words in reached.items()]
        Alerts(run, context.flow_run.id).tell(alarms)


def _ask(request: Request) -> Grant:
    """The answer; if there is none yet, the flow run is suspended with a form, and nothing is returned."""
    key = f"pause-{request.number}"
    if not request.scope:
        said = suspend_flow_run(wait_for_input=forms.to_go_on(request), key=key).model_dump()
        return Grant(request=request, note=said["note"])
    if request.scope == APPROVAL:
        said = suspend_flow_run(wait_for_input=forms.to_approve(request), key=key).model_dump()
        return Grant(request=request, by=said["name"], at_ms=_now(), note=said["note"])
    if request.scope == CARD_TIME:
        said = suspend_flow_run(wait_for_input=forms.for_cards(request), key=key).model_dump()
        return Grant(request=request, limit=int(said["gpu_hours"] * HOUR_MS), note=said["note"])
    said = suspend_flow_run(wait_for_input=forms.for_more(request), key=key).model_dump()
    return Grant(request=request, limit=micro(said["usd"]), note=said["note"])


def _now() -> int:
    return time.time_ns() // 1_000_000


def _flow_run() -> str:
    context = FlowRunContext.get()
    return str(context.flow_run.id) if context and context.flow_run else ""


def _is_deployed() -> bool:
    context = FlowRunContext.get()
    return bool(context and context.flow_run and context.flow_run.deployment_id)
