"""A row's story in the terminal. Texts come from outside, so they are printed as they are, never as markup."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from flows.audit import Rate
from flows.explain import Step, Story

_LONGEST = 400
_COLOURS = {"keep": "green", "drop": "red", "quarantine": "yellow"}


def rendered(story: Story, *, whole: bool = False) -> RenderableType:
    """The story from top to bottom; texts are cut to 400 characters unless `whole`."""
    limit = None if whole else _LONGEST
    head = Text.assemble((story.problem_id, "bold"), f" in {story.run}\n", (story.outcome, "bold"))
    parts: list[RenderableType] = [head]
    parts.append(_panel("collect", _lines(story.collected, limit)))
    if story.problem:
        parts.append(_panel("as collected", _facts(story.problem, limit)))
    parts.extend(_step(step, limit) for step in story.steps)
    parts.append(_attempts(story))
    return Group(*parts)


def _step(step: Step, limit: int | None) -> RenderableType:
    said = Text.assemble((step.verdict, _COLOURS[step.verdict]), f" {step.reason or ''}")
    parts: list[RenderableType] = [said, _facts(step.columns, limit)]
    for name, lines in step.evidence.items():
        if lines:
            parts.append(_panel(name, _lines(lines, limit)))
    if step.asked:
        cost = sum(one["microusd"] for one in step.asked)
        parts.append(Text(f"rests on {len(step.asked)} replies, {cost / 1_000_000:.6f} USD", style="dim"))
        parts.append(Text("\n".join(f"{one['role']} {one['key']}" for one in step.asked), style="dim"))
    return _panel(step.stage, Group(*parts))


def _attempts(story: Story) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, title="paid for it, by any run", title_justify="left")
    for name in ("stage", "model", "status", "tokens in", "tokens out", "USD"):
        table.add_column(name)
    for one in story.attempts:
        tokens = [str(one[name] or 0) for name in ("prompt_tokens", "completion_tokens")]
        status = one["error"] or one["status"]
        cells = (one["stage"], one["model"], status, *tokens, f"{(one['microusd'] or 0) / 1_000_000:.6f}")
        table.add_row(*(Text(plain(cell, None)) for cell in cells))
    table.caption = f"{story.paid_microusd / 1_000_000:.6f} USD"
    return table


def _facts(columns: Mapping[str, Any], limit: int | None) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in columns.items():
        if value is not None:
            table.add_row(name, Text(plain(value, limit)))
    return table


def _lines(lines: Iterable[Mapping[str, Any]], limit: int | None) -> RenderableType:
    return Group(*(_facts(line, limit) for line in lines))


def _panel(title: str, inside: RenderableType) -> Panel:
    return Panel(inside, title=Text(title), title_align="left")


def plain(value: Any, limit: int | None) -> str:
    """A value as text that a terminal can be given: control characters, which could move its cursor, are shown."""
    if isinstance(value, list):
        return "\n".join(f"{i}: {plain(one, limit)}" for i, one in enumerate(value, start=1))
    text = str(value)
    cut = text if limit is None or len(text) <= limit else f"{text[:limit]} ... ({len(text)} characters)"
    return "".join(
        one if one == "\n" or unicodedata.category(one) not in ("Cc", "Cf") else repr(one)[1:-1] for one in cut
    )


def rates_table(rates: Iterable[Rate]) -> Table:
    """Error rates by group; what nobody could judge stands beside them."""
    table = Table(title="wrong answers among those judged", title_justify="left", box=SIMPLE_HEAD)
    for name in ("kept by", "drawn", "right", "wrong", "unsure", "rate", "95% interval", "unsure as right ... wrong"):
        table.add_column(name)
    for one in rates:
        rate = "-" if one.rate is None else f"{one.rate:.1%}"
        interval = "-" if one.low is None or one.high is None else f"{one.low:.1%} ... {one.high:.1%}"
        bounds = f"{one.rate_if_unsure_are_right:.1%} ... {one.rate_if_unsure_are_wrong:.1%}"
        counts = (str(one.drawn), str(one.right), str(one.wrong), str(one.unsure))
        table.add_row(Text(one.group), *counts, rate, interval, bounds)
    return table
