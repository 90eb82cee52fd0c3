"""The pages that a run shows while it goes, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from tasks.ledger.budget import CARD_TIME, RUN, Position
from tasks.ledger.gpu_split import Split
from tasks.report.funnel import FunnelStep
from tasks.report.markdown import literal, table

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedShard:
    """A shard that did not get through."""

    shard: str
    stage: str
    error: str
    """Class of the error."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpend:
    """What one stage of a run has paid, in micro-dollars, and how far it is."""

    stage: str
    replies: int
    errors: int
    tokens: int
    microusd: int
    shards_done: int
    shards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row that was set aside: how it is found again, and what it says or what is wrong with it."""

    row: str
    text: str


def funnel_page(steps: Sequence[FunnelStep], shards: int) -> str:
    """Rows in, kept, dropped and quarantined, stage by stage."""
    columns = ("stage", "shards", "rows in", "kept", "dropped", "quarantined")
    return table(
        columns,
        (
            (
                step.stage,
                str(step.shards) if step.stage in ("collect", "publish") else f"{step.shards}/{shards}",
                step.rows_in,
                step.kept,
                _reasons(step.dropped),
                _reasons(step.quarantined),
            )
            for step in steps
        ),
    )


def spend_page(
    lines: Sequence[StageSpend], accepted: int, maybe: int, maybe_microusd: int, rehearsal: bool,
    budgets: Sequence[Position] = (), hours: Split | None = None, approved: Sequence[str] = (),
) -> str:  # fmt: skip
    """What this run has paid, per stage and accepted row, and what it will have paid at its end.

    `maybe` attempts may have been paid beside that, for `maybe_microusd` at most. `hours` are those of own engines;
    `approved` says who approved what the run was estimated to cost.
    """
    paid = sum(line.microusd for line in lines)
    said = [f"**USD {usd(paid)}** paid by this run."]
    if rehearsal:
        said.append("Rehearsal: made-up prices, nobody is charged.")
    if accepted:
        said.append(f"Per accepted row, of {accepted:,} so far: USD {usd(round(paid / accepted))}.")
    said.append(_projection(lines))
    if maybe:
        said.append(
            f"Possibly paid beside that: {maybe:,} attempts without a bill, at most USD {usd(maybe_microusd)}."
        )
    if hours is not None and hours.allocated:
        said.append(_hours(hours, accepted))
    rows = [(one.stage, one.replies, one.errors, one.tokens, usd(one.microusd)) for one in lines]
    replies, errors, tokens = (sum(column) for column in _numbers(lines))
    rows.append(("**total**", replies, errors, tokens, f"**{usd(paid)}**"))
    parts = [" ".join(said), table(("stage", "replies", "errors", "tokens", "USD"), rows)]
    if budgets:
        parts.append(_budget_table(budgets))
    parts += [literal(one) for one in approved]
    return "\n\n".join(parts)


def projected(lines: Sequence[StageSpend]) -> tuple[int, list[str]]:
    """Micro-dollars at the end if the shards to come cost what those before did, and stages not yet to be judged."""
    unknown = [one.stage for one in lines if not one.shards_done]
    known = [one for one in lines if one.shards_done]
    begun = sum(one.microusd for one in lines if not one.shards_done)
    return begun + sum(round(one.microusd * one.shards / one.shards_done) for one in known), unknown


def quarantine_page(reasons: Mapping[tuple[str, str], int], examples: Mapping[tuple[str, str], list[Example]]) -> str:
    """Rows set aside by stage and reason, the most first, with some of them."""
    if not reasons:
        return "No row is quarantined."
    rows = []
    for key, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
        shown = [f"{literal(one.row)} {literal(one.text)}" for one in examples.get(key, ())]
        rows.append((key[0], key[1], count, "<br>".join(shown)))
    return table(("stage", "reason", "rows", "for example"), rows)


def failed_page(failures: Sequence[FailedShard]) -> str:
    """Failed shards, and what to do."""
    if not failures:
        return "No shard has failed."
    rows = [(one.shard, one.stage, one.error, literal(one.reason, 600)) for one in failures]
    text = "The other shards are finished and kept. Mend the cause, then press **Retry**: just these run again."
    return f"{text}\n\n{table(('shard', 'stage', 'error', 'reason'), rows)}"


def report_page(address: str) -> str:
    """Where a run's report lies: a path, or a URL. Browsers open no file from a server's page, so it is told too."""
    url = address if "://" in address else f"file://{quote(address)}"
    return f"[Report]({url}): one HTML page that needs nothing else, at {literal(address, 600)}"


def usd(microusd: int) -> str:
    """Dollars with all six decimals that are booked."""
    return f"{microusd / 1_000_000:,.6f}"


def amount(scope: str, number: int) -> str:
    """An amount of a budget: dollars, or hours of cards."""
    return f"{number / _HOUR_MS:,.2f} GPU-hours" if scope == CARD_TIME else f"USD {usd(number)}"


def _budget_table(budgets: Sequence[Position]) -> str:
    columns = ("budget", "of", "spent", "possibly spent", "reserved", "left")
    names = {RUN: "the run", CARD_TIME: "own engines"}
    return table(
        columns,
        (
            (names.get(one.scope, one.scope), *(amount(one.scope, number) for number in (*one[1:], one.left)))
            for one in budgets
        ),
    )


def _hours(hours: Split, accepted: int) -> str:
    states = ("starting", "useful", "idle", "wasted")
    split = ", ".join(f"{getattr(hours, state) / _HOUR_MS:.2f} {state}" for state in states)
    each = f", {hours.allocated / _HOUR_MS / accepted:.4f} per accepted row" if accepted else ""
    return f"Own engines: {hours.allocated / _HOUR_MS:.2f} GPU-hours ({split}){each}, USD {usd(hours.microusd)}."


def _projection(lines: Sequence[StageSpend]) -> str:
    if all(one.shards_done == one.shards for one in lines):
        return "All that was to be asked is asked."
    total, unknown = projected(lines)
    known = f"At this rate USD {usd(total)} at its end"
    return f"{known}, and what {', '.join(unknown)} will cost." if unknown else f"{known}."


def _numbers(lines: Sequence[StageSpend]) -> tuple[list[int], list[int], list[int]]:
    return [one.replies for one in lines], [one.errors for one in lines], [one.tokens for one in lines]


def _reasons(counts: Mapping[str, int]) -> str:
    return "<br>".join(f"{n:,} {reason}" for reason, n in sorted(counts.items(), key=lambda item: -item[1]))
