"""How many released answers are wrong, by people's judgement of a blind random sample.

`draw` writes a sheet (JSON Lines: item, question, final_answer, verdict) and, apart from it, a key. The sheet says
nothing of source, solutions, rule or model, so that nobody judges by them. A person fills in `verdict`: right, wrong
or unsure. `score` reads both and gives the error rate with its exact interval (Clopper-Pearson). What is unsure or
not filled in is never counted as right or wrong: it is counted by itself, and bounds the rate from both sides.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy.stats import binomtest

from flows import plan as plans
from flows.plan import Plan
from tasks.errors import SourceError, StorageError
from tasks.publish import reading
from tasks.rows import manifest as manifests
from tasks.rows.storage import Storage
from tasks.rows.verdict import Verdict


class Item(BaseModel):
    """A line of the sheet."""

    model_config = ConfigDict(extra="forbid")

    item: str
    question: str
    final_answer: str
    verdict: Literal["right", "wrong", "unsure"] | None = None
    note: str = ""


class Key(BaseModel):
    """What the sheet does not say: how it was drawn, and which row each item is."""

    model_config = ConfigDict(extra="forbid")

    run: str
    data_set: str
    seed: int
    population: int
    items: dict[str, dict[str, str | None]]
    """problem_id and kept_by, by item."""


class Rate(BaseModel):
    """Judged items of one group, and the share of wrong ones with a 95% interval; None where nothing was judged."""

    group: str
    drawn: int
    right: int
    wrong: int
    unsure: int
    rate: float | None
    low: float | None
    high: float | None
    rate_if_unsure_are_right: float
    rate_if_unsure_are_wrong: float


def draw(storage: Storage, plan: Plan, size: int, seed: int) -> tuple[list[Item], Key]:
    """A sample of the released rows without replacement, in random order; the same seed draws the same."""
    chains = plans.chains(storage, plan)
    last = plans.published(storage, plan, chains)
    if last is None:
        raise StorageError(f"{plan.run} is not finished; there is nothing to audit yet")
    kept = manifests.read(storage, last).filter(pl.col("verdict") == Verdict.KEEP)["problem_id"].sort().to_list()
    chosen = random.Random(seed).sample(kept, min(size, len(kept)))
    rows = _rows(storage, plan, chains, set(chosen))
    names = {one: hashlib.sha256(f"{seed} {one}".encode()).hexdigest()[:12] for one in chosen}
    sheet = [
        Item(item=names[one], question=rows[one]["question"], final_answer=rows[one]["final_answer"])
        for one in chosen
    ]
    items = {names[one]: {"problem_id": one, "kept_by": rows[one].get("kept_by")} for one in chosen}
    data_set = last.files["dataset"].name
    return sheet, Key(run=plan.run, data_set=data_set, seed=seed, population=len(kept), items=items)


def _rows(
    storage: Storage, plan: Plan, chains: Sequence[reading.Chain], wanted: set[str]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for frame in reading.joined(storage, plan.shards, chains, evidence=False):
        names = [name for name in ("problem_id", "question", "final_answer", "kept_by") if name in frame.columns]
        for row in frame.filter(pl.col("problem_id").is_in(list(wanted))).select(names).iter_rows(named=True):
            found[row["problem_id"]] = row
    return found


def parsed(lines: Iterator[str]) -> list[Item]:
    """A sheet as people gave it back. Raises `SourceError` naming the line that cannot be read."""
    items = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                items.append(Item.model_validate_json(line))
            except ValidationError as fault:
                error = fault.errors(include_url=False)[0]
                raise SourceError(
                    f"line {number} of the sheet: {'.'.join(map(str, error['loc'])) or 'line'}: {error['msg']}"
                ) from fault
    return items


def score(items: Sequence[Item], key: Key) -> list[Rate]:
    """The error rate of all items, then of those that each rule kept. Raises `SourceError` where they do not fit."""
    if {one.item for one in items} != set(key.items) or len(items) != len(key.items):
        raise SourceError(
            "sheet and key do not hold the same items; give back every line of the sheet that was drawn"
        )
    groups: dict[str, list[Item]] = {"all": list(items)}
    for one in items:
        groups.setdefault(key.items[one.item]["kept_by"] or "(not said)", []).append(one)
    return [_rate(name, group) for name, group in groups.items()]


def _rate(group: str, items: Sequence[Item]) -> Rate:
    right = sum(one.verdict == "right" for one in items)
    wrong = sum(one.verdict == "wrong" for one in items)
    judged, unsure = right + wrong, len(items) - right - wrong
    found = binomtest(wrong, judged) if judged else None
    interval = found.proportion_ci(0.95, method="exact") if found else None
    return Rate(
        group=group,
        drawn=len(items),
        right=right,
        wrong=wrong,
        unsure=unsure,
        rate=wrong / judged if judged else None,
        low=float(interval.low) if interval else None,
        high=float(interval.high) if interval else None,
        rate_if_unsure_are_right=wrong / len(items),
        rate_if_unsure_are_wrong=(wrong + unsure) / len(items),
    )


def sheet(items: Sequence[Item]) -> str:
    """JSON Lines, one item a line."""
    return "".join(json.dumps(one.model_dump(), ensure_ascii=False) + "\n" for one in items)
