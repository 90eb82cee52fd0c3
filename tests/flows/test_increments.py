"""The same recipe next month: new rows pay for themselves, and a new benchmark costs judgements and nothing else.

Every stage that asks, on threads, with the rehearsal models' journal as the witness.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import plan as plans
from flows.curate import journal as journal_of
from flows.plan import Plan
from flows.recipe import Recipe
from tasks.models.rehearsal import journal
from tasks.models.rehearsal.champ import problems
from tasks.rows import chain as chains
from tasks.rows import manifest as manifests
from tasks.rows.storage import Storage
from tests.flows.bare import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROLES = ("screener", "judge", "rater", "solver", "topic")
ROWS, NEW, REPEATED = 80, 1, 3


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def recipe(folder: Path, rows: int, shards: int = 2, **benchmarks: list[str]) -> Recipe:
    """The first `rows` of the recorded problems through every stage, against benchmarks of these questions."""
    pool = [{"id": p.id, "question": p.text, "answer": p.gold} for p in problems()[:rows]]
    known = [
        {"name": name, "path": str(written(folder / f"{name}.jsonl", [{"question": one} for one in questions]))}
        for name, questions in benchmarks.items()
    ]
    return Recipe.model_validate({
        "name": "increments",
        "sources": [{"name": "champ", "path": str(written(folder / "champ.jsonl", pool)), "licence": "MIT"}],
        "endpoints": {"here": {"kind": "rehearsal", "concurrency": 16}},
        "roles": {role: {"endpoint": "here", "model": f"rehearsal/{role}", "revision": "1"} for role in ROLES},
        "stages": [
            {"stage": "screen"},
            {"stage": "decontaminate", "benchmarks": known, "k": 3, "orders": "second_if_needed"},
            {"stage": "rate", "samples": 3, "gate": 2},
            {"stage": "solve", "max_tokens": 4096},
            {"stage": "verify"},
            {"stage": "classify"},
        ],
        "shards": shards,
        "trial": None,
    })  # fmt: skip


def served(root: str) -> Counter[tuple[str, str]]:
    return Counter((line.model, line.body_sha256) for line in journal.read(journal_of(root)))


def passed(root: str, plan: Plan) -> list[str]:
    """The questions that came through every stage, in an order of their own."""
    storage = Storage(root)
    every = zip(plan.shards, plans.chains(storage, plan), strict=True)
    return sorted(text for shard, chain in every for text in chains.rows(storage, shard, chain)["question"])


def test_new_rows_pay_for_themselves_and_a_new_benchmark_asks_the_judge_alone(tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    listed = [problem.text for problem in problems()[:ROWS:20]]
    run(recipe(tmp_path, ROWS, listed=listed), root)
    whole = served(root)
    assert {model for model, _ in whole} == {f"rehearsal/{role}" for role in ROLES}

    grown = run(recipe(tmp_path, ROWS + NEW, listed=listed), root)
    with_new = served(root)
    assert [intake.rows_in for intake in grown.intakes] == [ROWS, NEW]
    assert 0 < with_new.total() - whole.total() <= 0.015 * whole.total()

    before = passed(root, grown)
    added = before[:REPEATED]
    after = passed(root, run(recipe(tmp_path, ROWS + NEW, listed=listed, added=added), root))
    everything = served(root)
    assert {model for model, _ in everything - with_new} == {"rehearsal/judge"}
    assert after
    assert set(before) - set(after) >= set(added)
    assert set(after) < set(before)
    assert max(everything.values()) == 1


def test_later_rows_are_in_the_data_set_though_their_shards_are_fewer(tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    run(recipe(tmp_path, ROWS // 2, shards=4, listed=["What is 1?"]), root, published=True)
    plan = run(recipe(tmp_path, ROWS * 3 // 4, shards=4, listed=["What is 1?"]), root, published=True)
    assert [sum(shard.intake == one.digest for shard in plan.shards) for one in plan.intakes] == [4, 3]
    storage = Storage(root)
    last = plans.published(storage, plan, plans.chains(storage, plan))
    assert last is not None
    released = pl.read_parquet(storage.read(last.files["dataset/full/train-00000-of-00001.parquet"].name))
    later = set(manifests.read(storage, plan.intakes[1])["problem_id"])
    assert sorted(released["question"]) == passed(root, plan)
    assert 0 < released["problem_id"].is_in(list(later)).sum() < released.height
