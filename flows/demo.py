"""The demo's input, and what the demo says at its end.

Input: the 270 CHAMP competition problems (https://yujunmao1.github.io/CHAMP/, MIT licence, from the package
champ-dataset) and the forum posts in deployments/demo/. Every second CHAMP problem enters without its answer;
every seventh also serves as the benchmark to decontaminate against.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from flows import plan as plans
from flows.plan import Plan
from tasks.models.rehearsal.champ import problems
from tasks.rows import chain as chains
from tasks.rows import manifest as manifests
from tasks.rows.storage import Storage
from tasks.verify.extract import alternatives
from tasks.verify.outcome import Equality
from tasks.verify.pool import Verifier

CHAMP_URL = "https://yujunmao1.github.io/CHAMP/"
_FEW = 4


def write_sources(folder: Path) -> None:
    """Write champ.jsonl, its first rows as champ_few.jsonl, and champ_benchmark.jsonl into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"id": p.id, "question": p.text, "answer": None if i % 2 else p.gold, "url": CHAMP_URL, "licence": "MIT"}
        for i, p in enumerate(problems())
    ]
    _jsonl(folder / "champ.jsonl", rows)
    _jsonl(folder / "champ_few.jsonl", rows[:_FEW])
    _jsonl(folder / "champ_benchmark.jsonl", [{"id": row["id"], "question": row["question"]} for row in rows[::7]])


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Published problems that entered without their answer, beside the answer that was held back.

    Each entry: (problem, published answer, answer held back).
    """

    survivors: int
    wrong: list[tuple[str, str, str]]
    undecided: list[tuple[str, str, str]]


def held_out(storage: Storage, plan: Plan) -> HeldOut:
    """What unanimity of one model is worth without a source answer, on the demo's own problems."""
    gold = {p.id: p.gold for i, p in enumerate(problems()) if i % 2}
    rows = [r for r in published(storage, plan) if r["source"] == "champ" and r["source_answer"] is None]
    found = [(r["source_id"], r["final_answer"], gold[r["source_id"]]) for r in rows]
    with Verifier() as verifier:
        verdicts = [_against(verifier, answer, key) for _, answer, key in found]
    return HeldOut(
        survivors=len(rows),
        wrong=[f for f, v in zip(found, verdicts, strict=True) if v is Equality.DIFFERENT],
        undecided=[f for f, v in zip(found, verdicts, strict=True) if v is Equality.UNDECIDED],
    )


def published(storage: Storage, plan: Plan) -> Iterator[dict[str, Any]]:
    """The published rows of a finished run, with all columns of all stages."""
    done = plans.chains(storage, plan)
    last = plans.published(storage, plan, done)
    if last is None:
        return
    kept = set(manifests.read(storage, last).filter(verdict="keep")["problem_id"])
    for shard, chain in zip(plan.shards, done, strict=True):
        for row in chains.rows(storage, shard, chain).iter_rows(named=True):
            if row["problem_id"] in kept:
                yield row


def report(console: Console, storage: Storage, plan: Plan, served: int) -> None:
    """Say what is rehearsal and what is real, and what unanimity was worth."""
    console.print(f"\nThe rehearsal models served {served} requests this time.")
    found = held_out(storage, plan)
    console.print(
        f"{found.survivors} published problems came without an answer; three agreeing solutions were their only "
        f"check. Held against CHAMP's own answers, {len(found.wrong)} of them are wrong"
        f"{f' and {len(found.undecided)} cannot be compared by rule' if found.undecided else ''}:"
    )
    for problem, answer, key in found.wrong:
        console.print(f"  {problem}: all three solutions say {escape(answer)}; CHAMP says {escape(key)}")
    for problem, answer, key in found.undecided:
        console.print(f"  {problem}: {escape(answer)} beside {escape(key)}: not decided")
    console.print(
        "One model agreeing with itself is evidence, not proof: it repeats its own mistakes. A source answer, or a "
        "second family of models, is what catches them.\n"
        "Rehearsal: judgements are written rules and solutions are recorded answers of older models, at made-up "
        "prices. Real: everything else."
    )


def _against(verifier: Verifier, answer: str, key: str) -> Equality:
    verdicts = [c.verdict for c in verifier.compare_all([(form, answer) for form in alternatives(key)])]
    if Equality.EQUAL in verdicts:
        return Equality.EQUAL
    return Equality.UNDECIDED if Equality.UNDECIDED in verdicts else Equality.DIFFERENT


def _jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    new = path.with_suffix(f".{os.getpid()}")  # another run may be reading the file
    new.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    new.replace(path)
