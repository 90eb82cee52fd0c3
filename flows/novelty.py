"""How much of a run's data set another one holds already, by the paper's rule and by the run's own judge.

The judge sees a random sample with its nearest questions, in both orders, as decontamination asks it: logged as stage
`novelty` of the run, paid once. What was found is kept beside the run's plan, and shown in its report.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows import plan as plans
from flows.curate import locate
from flows.engines import with_engines
from flows.plan import Plan
from flows.recipe import Recipe
from flows.report import NOVELTY
from tasks import world
from tasks.collect.source import Columns, Hub, Source
from tasks.collect.task import read_source
from tasks.decontaminate import judging
from tasks.decontaminate.benchmarks import BenchmarkTable, Entry
from tasks.decontaminate.neighbours import find
from tasks.decontaminate.settings import Settings
from tasks.embedding.alike import nearest, vectors
from tasks.embedding.embed import EmbedderSettings
from tasks.errors import RecipeError, StorageError
from tasks.ledger import grants
from tasks.ledger.grants import Grants
from tasks.report import counts
from tasks.report.layout import layout
from tasks.report.novelty import PAPER_COSINE, Novelty, Sampled, sampled
from tasks.report.questions import questions
from tasks.rows.fingerprint import digest
from tasks.rows.problem import BUCKETS
from tasks.rows.shards import Shard
from tasks.rows.storage import Storage
from tasks.rows.verdict import Decision, Verdict
from tasks.stage import each_row
from tasks.world import Where

JUDGE = "judge"
_HUB = re.compile(r"[\w.-]+/[\w.-]+")
Row = Mapping[str, Any]


def released(storage: Storage, plan: Plan) -> dict[str, str]:
    """Problems and questions of a run's data set, sorted by problem. Raises `StorageError` if there is none yet."""
    chains = plans.chains(storage, plan)
    last = plans.published(storage, plan, chains)
    if last is None:
        raise StorageError(
            f"run {plan.run} has published nothing yet; finish it first: python -m flows retry {plan.run}"
        )
    kept = counts.kept_ids(storage, [last])
    return dict(
        sorted(questions(storage, plan.intakes, [one for chain in chains for one in chain[1:]], kept).items())
    )


def others(path: str, column: str) -> list[str]:
    """Another data set's questions: a file, URL or glob that a source can be, or owner/name on the Hub. Rows that
    cannot be read are left out. Raises `SourceError` where none can.
    """
    columns = Columns(question=column, answer=None)
    on_hub = _HUB.fullmatch(path) and not Path(path).exists()
    place = {"hub": Hub(id=path)} if on_hub else {"path": path}
    rows = read_source(Source(name="others", columns=columns, **place))
    return [row.question for row in rows if row.question.strip()]


def compare(
    storage: Storage,
    plan: Plan,
    against: str,
    theirs: Sequence[str],
    *,
    sample: int,
    points: int,
    tell: Callable[[str], None] = lambda _: None,
) -> Novelty:
    """Hold a run's data set against other questions, and keep what was found.

    `sample` rows are judged, 0 for none; `points` of each set are drawn, 0 for no map. Raises `RecipeError` where
    rows are to be judged and the run's recipe does not decontaminate.
    """
    ours = released(storage, plan)
    settings = _settings(plan)
    if sample and settings is None:
        raise RecipeError(f"run {plan.run} has no stage decontaminate, so nobody is there to judge; give --sample 0")
    embedder = settings.embedder if settings else EmbedderSettings()
    tell(f"{len(ours):,} questions of the data set and {len(theirs):,} others: making vectors")
    own, other = vectors([*ours.values()], embedder), vectors(theirs, embedder)
    scores, places = nearest(own, other, settings.k if settings else 1)
    best = dict(zip(ours, scores[:, 0].tolist(), strict=True))
    known = sum(score > PAPER_COSINE for score in best.values())
    found = Novelty(
        run=plan.run,
        against=against,
        theirs_rows=len(theirs),
        rows=len(ours),
        unique=len(ours) - known,
        known=known,
        embedder=f"{embedder.name} {embedder.revision}",
    )
    if sample and settings:
        chosen = drawn(ours, sample)
        near = dict(zip(ours, places.tolist(), strict=True))
        candidates = [theirs[place] for place in sorted({place for one in chosen for place in near[one]})]
        tell(f"{len(chosen)} rows are judged")
        decisions = judge(storage, plan, [(one, ours[one]) for one in chosen], against, candidates, settings)
        found = found.model_copy(update={"sample": _told(chosen, decisions, best)})
    if points:
        tell("drawing the map")
        found = found.model_copy(update=_map(own, other, points))
    data = found.model_dump_json(indent=1).encode("utf-8")
    storage.put(f"runs/{plan.run}/{NOVELTY}{digest(found.model_dump(mode='json'))[:12]}.json", data)
    return found


def drawn(problems: Sequence[str] | Mapping[str, str], count: int) -> list[str]:
    """A random sample that is the same every time: problems by a digest that has nothing to do with them."""
    return sorted(sorted(problems, key=lambda one: digest(["novelty", one]))[:count])


def judge(
    storage: Storage,
    plan: Plan,
    rows: Sequence[tuple[str, str]],
    against: str,
    candidates: Sequence[str],
    settings: Settings,
) -> list[Decision]:
    """One decision a row: dropped if its problem is among the candidates, by their texts or by the run's judge."""
    entries = {digest(text)[:12]: text for text in candidates}
    table = BenchmarkTable(tuple(sorted(Entry(name, against, text) for name, text in entries.items())))
    asked: list[Row] = [{"problem_id": one, "question": text, "original": text} for one, text in rows]
    near = find(asked, table, settings)
    looked_up = [{**row, "neighbours": few} for row, few in zip(asked, near, strict=True)]
    recipe = plans.recipe_of(storage, plan.run)
    only_judge = recipe.model_copy(update={"roles": {JUDGE: recipe.roles[JUDGE]}})
    with ExitStack() as services:
        where = locate(only_judge, storage.root, services)
        granted = Grants(storage, plan.run).granted()
        update = {"run": plan.run, "trial": None, "limits": grants.limits(recipe.budget, granted)}
        where = services.enter_context(with_engines(only_judge, where.model_copy(update=update)))
        return asyncio.run(_judge(looked_up, recipe, where, settings))


async def _judge(rows: Sequence[Row], recipe: Recipe, where: Where, settings: Settings) -> list[Decision]:
    everything = Shard(intake="0" * 64, low=0, high=BUCKETS)
    async with (
        world.whole_lease(where, "novelty") as lease,
        world.desk(where, "novelty", everything, {JUDGE: recipe.models()[JUDGE]}, lease) as desk,
    ):
        return await each_row(rows, desk, JUDGE, lambda row, ask: judging.decide(row, ask, settings))


def _settings(plan: Plan) -> Settings | None:
    """As the run decontaminates, but all neighbours are judged, in both orders, and only the same problem counts."""
    stage = next((one for one in plan.stages if one.stage == "decontaminate"), None)
    if stage is None:
        return None
    changed = {"policy": "same_problem", "orders": "both", "similarity_floor": None}
    return Settings.model_validate({**stage.settings, **changed})


def _told(chosen: Sequence[str], decisions: Sequence[Decision], best: Mapping[str, float]) -> Sampled:
    verdicts = Counter(one.verdict for one in decisions)
    same = [one for one, decision in zip(chosen, decisions, strict=True) if decision.verdict is Verdict.DROP]
    missed = sum(best[one] <= PAPER_COSINE for one in same)
    return sampled(verdicts[Verdict.DROP], verdicts[Verdict.KEEP], verdicts[Verdict.QUARANTINE], missed)


def _map(own: NDArray[np.float32], other: NDArray[np.float32], points: int) -> dict[str, Any]:
    """At most so many points of each set, spread evenly over it."""
    few = [one[np.linspace(0, len(one) - 1, min(points, len(one)), dtype=int)] for one in (own, other)]
    placed = layout(np.concatenate(few))
    return {"ours": placed[: len(few[0])], "theirs": placed[len(few[0]) :], "method": "t-SNE" if placed else "none"}
