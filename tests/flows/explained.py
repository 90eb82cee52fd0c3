"""Stories held against the tables they must have come from, which are read here whole and in another way."""

from __future__ import annotations

import random
from collections.abc import Sequence

import polars as pl

from flows import plan as plans
from flows.explain import Story, explain
from flows.plan import Plan
from tasks.ledger.spend import events
from tasks.report.fates import fates
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage


def check_stories(storage: Storage, plan: Plan, count: int, seed: int) -> None:
    """Explain `count` random released rows and as many that were not, and compare every word with the tables."""
    done = plans.chains(storage, plan)
    last = plans.published(storage, plan, done)
    assert last is not None
    ends = fates(storage, plan.intakes, done, last)
    released = (pl.col("stage") == "publish") & (pl.col("verdict") == "keep")
    chosen = random.Random(seed)
    kept = chosen.sample(ends.filter(released).sort("row_id").to_dicts(), count)
    others = chosen.sample(ends.filter(~released).sort("row_id").to_dicts(), count)
    made = [*(manifest for chain in done for manifest in chain[1:]), last]
    frames = {
        (manifest.stage, manifest.shard, name): pl.read_parquet(storage.read(file.name))
        for manifest in made
        for name, file in manifest.files.items()
        if not name.startswith("dataset")
    }
    log = events(storage)
    for end in [*kept, *others]:
        story = explain(storage, plan, end["row_id"], log)
        _is_complete(story, end, made, frames)
        paid = log.filter(pl.col("problem_id") == end["problem_id"], pl.col("kind") == "outcome")
        assert story.paid_microusd == paid["microusd"].sum()
        assert len(story.attempts) == paid.height


def _is_complete(
    story: Story, end: dict[str, object], made: Sequence[Manifest], frames: dict[tuple[str, str, str], pl.DataFrame]
) -> None:
    identity = end["problem_id"]
    line = next(one for one in story.collected if one["row_id"] == end["row_id"])
    assert (line["source"], line["locator"]) == (end["source"], end["locator"])
    if end["stage"] == "collect":
        assert (line["verdict"], line["reason"]) == (end["verdict"], end["reason"])
        return
    assert story.problem_id == identity
    assert story.problem is not None and story.problem["row_id"] == end["row_id"]
    mine = [one for one in made if frames[one.stage, one.shard, "verdicts"].filter(problem_id=identity).height]
    assert [step.stage for step in story.steps] == [one.stage for one in mine]
    for step, manifest in zip(story.steps, mine, strict=True):
        [row] = frames[step.stage, step.shard, "verdicts"].filter(problem_id=identity).to_dicts()
        said = {"problem_id": identity, "verdict": step.verdict, "reason": step.reason, **step.columns}
        assert said == row
        sides = {name for name in manifest.files if name not in ("verdicts", "asked") and "dataset" not in name}
        assert set(step.evidence) == sides
        for name in sides:
            assert step.evidence[name] == frames[step.stage, step.shard, name].filter(problem_id=identity).to_dicts()
        if "asked" in manifest.files:
            assert step.asked == frames[step.stage, step.shard, "asked"].filter(problem_id=identity).to_dicts()
            assert all(one["key"] and one["role"] for one in step.asked)
    final = story.steps[-1]
    assert (final.stage, final.verdict, final.reason) == (end["stage"], end["verdict"], end["reason"])
    released = (final.stage, final.verdict) == ("publish", "keep")
    assert (story.outcome == "released") == released
    assert released or str(end["reason"]) in story.outcome
    if released:
        columns = {name: value for step in story.steps for name, value in step.columns.items()}
        assert len(columns["solutions"]) == len(columns["solution_keys"]) == 3
        assert len(columns["ratings"]) == 6
        neighbours = next(step for step in story.steps if step.stage == "decontaminate").evidence["neighbours"]
        assert len(neighbours) >= 5
        assert all(one["verdict_forward"] and one["verdict_backward"] for one in neighbours)
