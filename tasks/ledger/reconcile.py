"""The log held against a provider's usage export, per model and UTC day. Pure.

An export is CSV with a header line, or JSON Lines. Several lines of one model and day are added up. These column
names are understood; of each kind the first that a file has is taken:

    day             day, date, start_time_iso (OpenAI), timestamp, start_time (OpenAI)
                    ISO dates or times (without an offset: UTC), or Unix seconds
    model           model (OpenAI usage), snapshot_id (OpenAI, before 2025), line_item (OpenAI costs: the part
                    before the comma of "gpt-4o-2024-08-06, input")
    requests        requests, num_model_requests (OpenAI usage), n_requests (OpenAI, before 2025)
    input tokens    input_tokens (OpenAI usage), prompt_tokens, n_context_tokens_total (OpenAI, before 2025)
    output tokens   output_tokens (OpenAI usage), completion_tokens, n_generated_tokens_total (OpenAI, before 2025)
    cost in USD     cost_usd, cost, amount_value (OpenAI costs), amount

OpenAI exports usage and costs as two files; what a file does not have is not compared. Lines without a model are
what OpenAI writes for days without use: they count as days that the export covers. What the log has on other days
is not compared. A reply counts on the day it was logged; around midnight UTC a provider may book it a day apart.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import polars as pl

from tasks.errors import SourceError

COLUMNS: dict[str, tuple[str, ...]] = {
    "day": ("day", "date", "start_time_iso", "timestamp", "start_time"),
    "model": ("model", "snapshot_id", "line_item"),
    "requests": ("requests", "num_model_requests", "n_requests"),
    "input_tokens": ("input_tokens", "prompt_tokens", "n_context_tokens_total"),
    "output_tokens": ("output_tokens", "completion_tokens", "n_generated_tokens_total"),
    "microusd": ("cost_usd", "cost", "amount_value", "amount"),
}
COUNTS = ("requests", "input_tokens", "output_tokens", "microusd")

Totals = dict[tuple[str, str], dict[str, int]]
"""(model, UTC day) to counts by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A provider's book: the kinds of counts that it has, the days it covers, and the totals."""

    kinds: tuple[str, ...]
    first: str
    last: str
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One count of one model and day, where the two books differ. Costs are in micro-dollars."""

    model: str
    day: str
    what: str
    ours: int
    theirs: int

    @property
    def difference(self) -> int:
        return self.ours - self.theirs


def ours(groups: pl.DataFrame) -> Totals:
    """Replies, of `spend.outcomes`. A model is known to its provider by its name, without our revision."""
    grouped = (
        groups.filter(status="reply")
        .group_by(pl.col("model").str.replace(r"@.*$", ""), "day")
        .agg(
            requests=pl.col("attempts").sum(),
            input_tokens=pl.col("prompt_tokens").sum(),
            output_tokens=pl.col("completion_tokens").sum(),
            microusd=pl.col("microusd").sum(),
        )
    )
    return {(row["model"], row["day"]): {what: int(row[what]) for what in COUNTS} for row in grouped.to_dicts()}


def theirs(data: bytes, name: str) -> Export:
    """An export, read. Raises `SourceError` naming the record that cannot be read."""
    rows = _rows(data, name)
    has = {kind: next((c for c in known if rows and c in rows[0]), None) for kind, known in COLUMNS.items()}
    if not has["day"] or not has["model"] or not any(has[kind] for kind in COUNTS):
        raise SourceError(
            f"{name} is no usage export that can be compared: it needs a column for the day (one of "
            f"{', '.join(COLUMNS['day'])}), the model ({', '.join(COLUMNS['model'])}) and at least one count or cost"
        )
    exact: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    kinds = {kind: str(has[kind]) for kind in COUNTS if has[kind]}
    days = set()
    for number, row in enumerate(rows, start=1):
        try:
            day = _day(str(row[has["day"]]))
            counts = {kind: _count(row, column) for kind, column in kinds.items()}
        except (KeyError, ValueError, OverflowError, InvalidOperation) as fault:
            raise SourceError(f"{name}, record {number}: cannot be read: {fault!r} in {row}") from fault
        days.add(day)
        model = str(row.get(has["model"]) or "").split(",")[0].strip()
        if model or any(counts.values()):
            for kind, count in counts.items():
                exact[model, day][kind] += count
    totals = {where: {kind: _whole(kind, count) for kind, count in total.items()} for where, total in exact.items()}
    return Export(kinds=tuple(kinds), first=min(days), last=max(days), totals=totals)


def compare(mine: Totals, export: Export, rounding_microusd: int) -> list[Difference]:
    """Where the books differ on the days that the export covers: counts at all, costs by more than the rounding."""
    covered = {(model, day) for model, day in mine if export.first <= day <= export.last}
    found = [
        Difference(
            model=model,
            day=day,
            what=what,
            ours=mine.get((model, day), {}).get(what, 0),
            theirs=export.totals.get((model, day), {}).get(what, 0),
        )
        for model, day in sorted({*covered, *export.totals})
        for what in export.kinds
    ]
    return [one for one in found if abs(one.difference) > (rounding_microusd if one.what == "microusd" else 0)]


def _rows(data: bytes, name: str) -> list[Mapping[str, Any]]:
    try:
        text = data.decode("utf-8-sig")
        if text.lstrip().startswith("{"):
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        rows: list[Mapping[str, Any]] = list(csv.DictReader(io.StringIO(text), strict=True))
        if torn := next((i for i, row in enumerate(rows, start=1) if None in row or None in row.values()), None):
            raise ValueError(f"record {torn} has not as many fields as the header")
        return rows
    except (ValueError, csv.Error) as fault:
        raise SourceError(f"{name} is neither CSV with a header nor JSON Lines: {fault}") from fault


def _count(row: Mapping[str, Any], column: str) -> Decimal:
    if str(row.get("amount_currency") or "usd").lower() != "usd":
        raise ValueError(f"costs in {row['amount_currency']}, not USD")
    return Decimal(str(row[column] or 0))


def _day(text: str) -> str:
    if text.isdecimal():
        return datetime.fromtimestamp(int(text), UTC).date().isoformat()
    at = datetime.fromisoformat(text)
    return (at.astimezone(UTC) if at.tzinfo else at).date().isoformat()


def _whole(kind: str, count: Decimal) -> int:
    exact = count * 1_000_000 if kind == "microusd" else count
    return int(exact.to_integral_value(ROUND_HALF_UP))
