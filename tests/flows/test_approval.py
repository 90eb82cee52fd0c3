"""A run that is estimated to cost more than its recipe lets it unasked waits for a named person."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from flows import approval, pause
from flows import plan as plans
from flows.budgets import approvals
from flows.going_on import Paused, command
from flows.plan import Plan
from flows.recipe import Recipe
from flows.stored import covered
from tasks.collect.task import collect
from tasks.ledger.grants import APPROVAL
from tasks.rows import chain as chains
from tasks.rows import manifest as manifests
from tasks.rows.storage import Storage
from tasks.world import Where

ROWS = 200


def recipe(folder: Path, above: float | None, **settings: object) -> Recipe:
    rows = "".join(json.dumps({"question": f"What is ${n}^2 + {n}$?"}) + "\n" for n in range(ROWS))
    (folder / "rows.jsonl").write_text(rows, encoding="utf-8")
    return Recipe.model_validate({
        "name": "dear",
        "sources": [{"name": "own", "path": str(folder / "rows.jsonl"), "licence": "MIT"}],
        "endpoints": {"here": {"kind": "openai", "address": "http://127.0.0.1:1/v1"}},
        "roles": {"rater": {"endpoint": "here", "model": "rehearsal/rater", "revision": "1"}},
        "stages": [{"stage": "rate", "gate": 2.0, **settings}],
        "shards": 4,
        "approve_above_usd": above,
    })  # fmt: skip


def planned(given: Recipe, root: str) -> tuple[Plan, Where]:
    plan = plans.make(given, collect.fn(given.sources, Where(root=root, run=""), given.collect))
    plans.save(Storage(root), plan)
    return plan, Where(root=root, run=plan.run)


def brought_through(root: str, plan: Plan, shards: int) -> None:
    """Write what the first shards would have written, had they been asked."""
    for shard in plan.shards[:shards]:
        intake = plan.intake_of(shard)
        rows = chains.rows(Storage(root), shard, [intake])
        kept = rows.select("problem_id").with_columns(verdict=pl.lit("keep"), reason=pl.lit(None, pl.String))
        manifests.commit(
            Storage(root), stage="rate", fingerprint=plan.stages[0].fingerprint, shard=shard.name,
            upstream=intake.digest, rows_in=rows.height, verdicts=kept, tables={},
        )  # fmt: skip


def test_a_dear_run_asks_for_a_name_and_keeps_who_gave_it(tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    given = recipe(tmp_path, 0.01)
    plan, where = planned(given, root)
    with pytest.raises(Paused, match=r"estimated to cost USD .* for 200 rows") as caught:
        pause.await_approval(given, plan, where)
    again = command(["run", "dear.yaml", "--root", "r"], caught.value)
    assert again == "python -m flows run dear.yaml --root r --approved-by 'YOUR NAME'"
    assert approvals(Storage(root), plan.run) == []
    pause.await_approval(given, plan, where, "Ada Lovelace")
    pause.await_approval(given, plan, where)
    (found,) = approvals(Storage(root), plan.run)
    assert found.by == "Ada Lovelace"
    assert found.microusd > 10_000
    assert found.words.startswith("approved by Ada Lovelace at 20")


def test_what_is_cheap_enough_or_unbounded_is_not_asked_about(tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    for above in (None, 1_000.0):
        given = recipe(tmp_path, above)
        plan, where = planned(given, root)
        pause.await_approval(given, plan, where)
        assert approvals(Storage(root), plan.run) == []


def test_an_approval_holds_for_no_more_than_was_approved(tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    plan, where = planned(recipe(tmp_path, 0.01), root)
    pause.await_approval(recipe(tmp_path, 0.01), plan, where, "Ada")
    dearer = recipe(tmp_path, 0.01).model_copy(update={"stages": recipe(tmp_path, 0.01, samples=60).stages})
    with pytest.raises(Paused) as caught:
        pause.await_approval(dearer, plan, where)
    assert caught.value.reached == (APPROVAL,)


def test_rows_that_came_through_a_stage_as_it_is_are_not_paid_again(tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    plan, _ = planned(recipe(tmp_path, None), root)
    brought_through(root, plan, 3)
    share = covered(recipe(tmp_path, None), Storage(root), plan.intakes)
    assert share == [pytest.approx(0.75, abs=0.1)]
    assert covered(recipe(tmp_path, None, temperature=0.5), Storage(root), plan.intakes) == [0.0]
    due = approval.estimate(recipe(tmp_path, None), plan, Storage(root))
    assert due.to_pay_usd.middle == pytest.approx((1 - share[0]) * due.usd.middle)
