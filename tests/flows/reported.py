"""The report of a finished demo, held against the run's own tables; and of one that is not finished."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import polars as pl

from flows import plan as plans
from flows.novelty import compare, drawn, others, released
from flows.report import facts
from flows.status import status
from tasks.ledger.spend import events
from tasks.report.examples import LOST
from tasks.report.fates import fates
from tasks.report.html.page import page
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage


def is_what_the_tables_say(root: Path, run: str) -> None:
    storage = Storage(str(root))
    plan = plans.load(storage, run)
    found, step = facts(storage, plan), {one.stage: one for one in status(storage, plan).funnel}
    assert list(step.values()) == found.funnel
    assert found.rows == step["publish"].kept == sum(found.topics.values()) == sum(found.answer_types.values())
    assert sum(one.kept for one in found.difficulty) == step["rate"].kept
    assert sum(one.dropped for one in found.difficulty) == sum(step["rate"].dropped.values())
    outcomes = events(storage).filter(run=run, kind="outcome")
    paid = dict(outcomes.group_by("stage").agg(pl.col("microusd").sum()).iter_rows())
    assert {one.stage: one.microusd for one in found.paid} == paid
    assert sum(one.microusd for one in found.over_time) == found.microusd == sum(paid.values())
    chains = plans.chains(storage, plan)
    last = plans.published(storage, plan, chains)
    assert last is not None
    _lengths_are_the_ledgers(storage, chains, last, [(one.released, one.others) for one in found.solution_tokens])
    fate = fates(storage, plan.intakes, chains, last)
    told = Counter((one.stage, one.reason) for one in found.examples if one.verdict != "keep")
    lost = fate.filter(pl.col("verdict") != "keep").group_by("stage", "reason").len()
    assert told == {(stage, reason): min(n, LOST) for stage, reason, n in lost.iter_rows()}
    kept = {one.row for one in found.examples if one.verdict == "keep"}
    assert kept <= {one[:12] for one in fate.filter(verdict="keep")["problem_id"]}


def _lengths_are_the_ledgers(
    storage: Storage, chains: list[list[Manifest]], last: Manifest, bins: list[tuple[int, int]]
) -> None:
    """Every solution that solve rests on is in one bin, and is told apart by whether its row was released."""
    solved = pl.concat([manifests.read(storage, one) for chain in chains for one in chain if one.stage == "solve"])
    of_set = manifests.read(storage, last).filter(verdict="keep").select("problem_id")
    replied = events(storage).filter(status="reply").select("key").unique()
    keys = solved.explode("solution_keys").join(replied, left_on="solution_keys", right_on="key")
    assert sum(released for released, _ in bins) == keys.join(of_set, on="problem_id")["solution_keys"].n_unique()
    assert sum(map(sum, bins)) == keys["solution_keys"].n_unique()


def lies_beside_the_plan(root: Path, run: str, rows: int) -> None:
    """Once, however often the run was started."""
    [path] = (root / "runs" / run).glob("report-*.html")
    written = path.read_text(encoding="utf-8")
    assert f"Run {run} of recipe demo" in written
    assert f"<dt>rows in the data set</dt><dd>{rows} " in written


def says_how_far_a_run_is(root: Path, run: str, folder: Path) -> None:
    """Of a copy whose last shard has not been through its last stage."""
    shutil.copytree(root, folder)
    storage = Storage(str(folder))
    plan = plans.load(storage, run)
    for stage, shard in ((plan.stages[-1].stage, plan.shards[-1].name), ("publish", "all")):
        for one in (folder / "stages" / stage).glob(f"*/{shard}/manifest-*.json"):
            one.unlink()
    found = facts(storage, plan)
    assert (found.finished, found.shards_done, found.shards) == (False, 3, 4)
    assert 0 < found.rows == sum(found.topics.values())
    assert "Not finished: 3 of 4 shards are through all stages." in page(found)


def novelty_is_judged_and_paid_once(root: Path, run: str, folder: Path, source: Path) -> None:
    """Against what is in its own source, of which part is left out; the second time for nothing."""
    shutil.copytree(root, folder)
    storage = Storage(str(folder))
    plan = plans.load(storage, run)
    rows = released(storage, plan)
    asked_of = [*rows.values()]
    theirs = [text for text in others(str(source), "question") if text in asked_of[::2]]
    assert len(theirs) > 5
    found = compare(storage, plan, "its source", theirs, sample=5, points=10)
    assert found.rows == found.known + found.unique == len(rows)
    assert found.known >= len(theirs)
    assert found.sample is not None
    assert found.sample.rows == 5
    assert found.sample.same >= sum(rows[one] in theirs for one in drawn(rows, 5))
    assert (len(found.ours), len(found.theirs)) == (10, min(10, len(theirs)))
    asked = events(storage).filter(stage="novelty", kind="outcome").height
    assert asked > 0
    assert compare(storage, plan, "its source", theirs, sample=5, points=0).sample == found.sample
    assert events(storage).filter(stage="novelty", kind="outcome").height == asked
    assert found in facts(storage, plan).novelty
