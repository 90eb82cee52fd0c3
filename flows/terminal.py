"""What a person sees in the terminal: progress while a run goes, then the funnel and the spend."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from flows import plan as plans
from flows.budgets import ApprovalLine, BudgetLine
from flows.spending import Books, Spend
from flows.status import Status, status
from flows.why import Because
from tasks.errors import CurationError
from tasks.ledger.budget import CARD_TIME, RUN
from tasks.ledger.card_time import HOUR_MS
from tasks.report.funnel import FunnelStep
from tasks.rows.storage import Storage

if TYPE_CHECKING:
    from flows.readiness import Finding

_SECONDS_BETWEEN_LOOKS = 1.0
_WIDTH_OF_FILES = 110


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; wide enough for the tables where there is none."""
    found = Console(stderr=stderr)
    return found if found.is_terminal else Console(stderr=stderr, width=_WIDTH_OF_FILES)


def funnel_table(found: Status) -> Table:
    """Rows in, kept, dropped and quarantined, stage by stage."""
    table = Table(title=f"run {found.run}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column("stage", no_wrap=True)
    for name in ("shards", "rows in", "kept"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("dropped", no_wrap=True)
    table.add_column("quarantined", no_wrap=True)
    for step in found.funnel:
        shards = str(step.shards) if step.stage in ("collect", "publish") else f"{step.shards}/{found.shards}"
        table.add_row(
            step.stage, shards, str(step.rows_in), str(step.kept), _reasons(step.dropped), _reasons(step.quarantined)
        )
    return table


def findings_table(recipe: str, found: Sequence[Finding]) -> Table:
    """What the doctor found, one line a check."""
    table = Table(title=f"recipe {escape(recipe)}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    for name in ("who", "check", "found"):
        table.add_column(name, no_wrap=True)
    table.add_column("in words", overflow="fold")
    colours = {"ok": "green", "warning": "yellow", "fault": "red", "unknown": "dim"}
    for one in found:
        verdict = f"[{colours[one.verdict]}]{one.verdict}[/]"
        table.add_row(one.subject, one.check, verdict, escape(one.words))
    return table


def spend_table(found: Spend) -> Group:
    """Attempts, tokens and dollars by group; and, where a root has engines of its own, their hours."""
    return Group(_by_group(found), *([engines_table(found)] if found.engines else []))


def _by_group(found: Spend) -> Table:
    title = "spend (rehearsal: made-up prices, nobody is charged)" if found.rehearsal else "spend"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column(found.by, no_wrap=True)
    hours = ["card hours"] if found.engines else []
    for name in ("attempts", "replies", "errors", "tokens in", "tokens out", *hours, "USD"):
        table.add_column(name, justify="right")
    for line in found.lines:
        table.add_row(
            line.group, str(line.attempts), str(line.replies), str(line.errors), f"{line.prompt_tokens:,}",
            f"{line.completion_tokens:,}", *([card_hours(line.card_ms)] if hours else []), usd(line.microusd),
        )  # fmt: skip
    useful = [card_hours(sum(line.card_ms for line in found.lines))] if hours else []
    table.add_row("total", "", "", "", "", "", *useful, usd(found.microusd), style="bold")
    return table


def engines_table(found: Spend) -> Table:
    """Hours of the cards that own engines held: allocated = starting + useful + idle + wasted."""
    table = Table(title="own engines, in hours of one card", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column("run, endpoint, cards", no_wrap=True)
    for name in ("allocated", "starting", "useful", "idle", "wasted", "USD"):
        table.add_column(name, justify="right")
    for line in found.engines:
        times = (line.allocated_ms, line.starting_ms, line.useful_ms, line.idle_ms, line.wasted_ms)
        table.add_row(
            f"{line.run}\n{line.endpoint}: {line.cards} x {line.card} at USD {line.usd_per_hour}",
            *(card_hours(ms) for ms in times), usd(line.microusd),
        )  # fmt: skip
    return table


def card_hours(ms: int) -> str:
    """Hours with as many decimals as show a second."""
    return f"{ms / 3_600_000:,.4f}"


def cost_lines(found: Spend) -> str:
    """What may have been paid without a bill, and what the latest finished run cost."""
    lines = [
        f"possibly paid: {found.possibly_paid_attempts} attempts without a bill, "
        f"at most USD {usd(found.possibly_paid_bound_microusd)}"
    ]
    if found.outrun_replies:
        lines.append(
            f"outrun: {found.outrun_replies} replies, USD {usd(found.outrun_microusd)} of the above, to keys that "
            "another reply answers: they came late, after a shard was taken over, and change nothing"
        )
    if (run := found.latest) is not None:
        lines.append(f"run {run.run}: USD {usd(run.paid_microusd)} paid for {run.rows} published rows")
        lines.append(
            "  its manifests do not say what it asked, so its cost alone is unknown"
            if run.alone_microusd is None or run.saved_microusd is None
            else f"  with an empty store: USD {usd(run.alone_microusd)}, so USD {usd(run.saved_microusd)} saved; "
            f"per published row: {f'USD {usd(run.microusd_per_row)}' if run.microusd_per_row is not None else '-'}"
        )
    return "\n".join(lines)


def budget_words(found: Sequence[BudgetLine]) -> str:
    """A line for each budget; nothing where there is none."""
    return "".join(
        f"budget of the run: {one.limit / HOUR_MS:.3f} GPU-hours; {one.spent / HOUR_MS:.3f} taken, "
        f"{one.left / HOUR_MS:.3f} left\n"
        if one.scope == CARD_TIME
        else f"budget of {'the run' if one.scope == RUN else f'stage {one.scope}'}: USD {usd(one.limit)}; "
        f"{usd(one.spent)} spent, {usd(one.possibly_paid)} possibly paid, {usd(one.reserved)} reserved, "
        f"{usd(one.left)} left\n"
        for one in found
    )


def approval_words(found: Sequence[ApprovalLine]) -> str:
    """A line for each approval; nothing where there is none."""
    return "".join(f"{escape(one.words)}\n" for one in found)


def why_lines(run: str, found: Sequence[Because]) -> str:
    """Why a run did stages again, a line for each."""
    lines = [f"{one.stage}, unlike in {one.earlier}: {'; '.join(one.differs)}" for one in found]
    return "\n".join(lines) or f"run {run} did no stage again that an earlier run had done for its rows"


def differences_table(found: Books) -> Table:
    """Where the log and a provider's export differ."""
    title = (
        f"{escape(found.export)}, {found.first} to {found.last}: {len(found.differences) or 'no'} differences in "
        f"{', '.join(found.compared)} (costs: beyond USD {usd(found.rounding_microusd)})"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    for name in ("day", "model", "what"):
        table.add_column(name, no_wrap=True)
    for name in ("ours", "theirs", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.differences:
        show = usd if one.what == "microusd" else str
        what = "USD" if one.what == "microusd" else one.what.replace("_", " ")
        table.add_row(one.day, one.model, what, show(one.ours), show(one.theirs), show(one.difference))
    return table


def usd(microusd: int) -> str:
    """Dollars with all six decimals that are booked."""
    return f"{microusd / 1_000_000:,.6f}"


@contextmanager
def progress(console: Console, storage: Storage) -> Iterator[None]:
    """Show the funnel grow while the block runs: live on a terminal, a line per finished stage elsewhere."""
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(console, storage, stop), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def _watch(console: Console, storage: Storage, stop: threading.Event) -> None:
    since = time.time_ns() // 1_000_000
    said: set[str] = set()
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while not stop.wait(_SECONDS_BETWEEN_LOOKS):
            run = plans.started_since(storage, since)
            if run is None:
                continue
            try:
                found = status(storage, plans.load(storage, run))
            except CurationError:
                continue  # a look that fails is not the run that fails
            if console.is_terminal:
                live.update(funnel_table(found), refresh=True)
                continue
            for step in found.funnel:
                whole = step.shards == found.shards or step.stage in ("collect", "publish")
                if whole and step.stage not in said:
                    said.add(step.stage)
                    console.print(_line(step))


def _line(step: FunnelStep) -> str:
    lost = sum(step.dropped.values()), sum(step.quarantined.values())
    return f"  {step.stage}: {step.rows_in} rows in, {step.kept} kept, {lost[0]} dropped, {lost[1]} quarantined"


def _reasons(counts: dict[str, int]) -> str:
    return "\n".join(f"{n} {reason}" for reason, n in sorted(counts.items(), key=lambda item: -item[1]))
