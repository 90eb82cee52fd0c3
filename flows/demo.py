"""The demo's input and what the demo says at its end.

Input: the 270 CHAMP competition problems (https://yujunmao1.github.io/CHAMP/, MIT licence, from the package
champ-dataset) and the forum posts in deployments/demo/. Every second CHAMP problem enters without its answer;
every seventh also serves as the benchmark to decontaminate against.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.verify.audit import is_right

from flows import plan as plans
from flows.plan import Plan
from tasks.models.rehearsal.champ import problems
from tasks.publish.task import ALL
from tasks.rows import chain as chains
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage

CHAMP_URL = "https://yujunmao1.github.io/CHAMP/"


def write_sources(folder: Path) -> None:
    """Write champ.jsonl and champ_benchmark.jsonl into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"id": p.id, "question": p.text, "answer": None if i % 2 else p.answer, "url": CHAMP_URL, "licence": "MIT"}
        for i, p in enumerate(problems())
    ]
    _jsonl(folder / "champ.jsonl", rows)
    _jsonl(folder / "champ_benchmark.jsonl", [{k: row[k] for k in ("id", "question")} for row in rows[::7]])


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Survivors that entered without their answer, against the answer that was held back."""

    survivors: int
    wrong: list[tuple[str, str, str]]
    """(problem, published answer, answer held back)"""


def held_out(storage: Storage, plan: Plan) -> HeldOut:
    """How many published CHAMP problems without a source answer carry a wrong one."""
    done = plans.chains(storage, plan)
    last = plans.published(storage, plan, done)
    gold = {p.id: p.answer for i, p in enumerate(problems()) if i % 2}
    rows = [
        row
        for row in _published(storage, plan, done, last)
        if row["source"] == "champ" and row["source_answer"] is None
    ]
    pairs = [(gold[row["source_id"]], row["final_answer"]) for row in rows]
    wrong = [
        (row["source_id"], row["final_answer"], gold[row["source_id"]])
        for row, right in zip(rows, is_right(pairs), strict=True)
        if not right
    ]
    return HeldOut(survivors=len(rows), wrong=wrong)


def _published(
    storage: Storage, plan: Plan, done: Sequence[Sequence[Manifest]], last: Manifest | None
) -> list[dict[str, Any]]:
    if last is None:
        return []
    kept = set(manifests.read(storage, last).filter(verdict="keep")["problem_id"])
    rows = [row for shard, chain in zip(plan.shards, done, strict=True) for row in _rows(storage, shard, chain)]
    return [row for row in rows if row["problem_id"] in kept]


def _rows(storage: Storage, shard: Any, chain: Sequence[Manifest]) -> list[dict[str, Any]]:
    return chains.rows(storage, shard, chain).to_dicts()


def _jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


__all__ = ["ALL", "HeldOut", "held_out", "write_sources"]
