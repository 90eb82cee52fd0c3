"""A pilot: a random part of a recipe's rows, run and paid for like any, from which the whole is estimated.

Its rows are problems of the recipe's own sources, so the whole run finds its replies and pays for none of them again.
"""

from __future__ import annotations

import json
from hashlib import sha256

import polars as pl

from flows import plan as plans
from flows.estimate import figures, servers
from flows.plan import Plan
from flows.recipe import Recipe
from flows.stored import paid_shares
from tasks import world
from tasks.collect.source import Source
from tasks.collect.task import collect
from tasks.errors import CurationError
from tasks.estimate.assumptions import assumptions
from tasks.estimate.figures import Estimate
from tasks.estimate.pilot import SEEN, scaled, unreached
from tasks.ledger.spend import events
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tasks.rows.verdict import Verdict
from tasks.stage import ASKED_TABLE
from tasks.world import Where

_FIELDS = {"question": "original", "answer": "source_answer", "id": "source_id", "url": "url", "licence": "licence"}


def pilot_of(recipe: Recipe, root: str, rows: int) -> tuple[Recipe, int]:
    """The recipe over `rows` of its problems, and how many problems it has in all. Collects its sources, for nothing.

    The same problems for the same number, and more of them for a greater one.
    """
    pool = _pool(recipe, root)
    return _over(recipe, root, pool.head(rows), f"{recipe.name}-pilot"), pool.height


def sample_of(recipe: Recipe, root: str, rows: int) -> tuple[Recipe, dict[str, int]]:
    """The same with `rows` problems of each source, and how many problems each has."""
    pool = _pool(recipe, root)
    chosen = pool.group_by("source", maintain_order=True).head(rows)
    sizes = dict(pool["source"].value_counts().iter_rows())
    counts = {source.name: sizes.get(source.name, 0) for source in recipe.sources}
    return _over(recipe, root, chosen, f"{recipe.name}-sample"), counts


def told_by(recipe: Recipe, storage: Storage, plan: Plan, pool: int) -> Estimate:
    """What the recipe takes for a pool of problems, as its finished pilot tells. Raises `CurationError` if it is not
    finished, or came to none of the stages.
    """
    known = assumptions()
    lines = seen(storage, plan)
    names = [one.stage for one in recipe.stages]
    if missing := unreached(names, lines):
        raise CurationError(
            f"no row of the pilot came to {', '.join(missing)}, so it tells nothing of them: take a larger one"
        )
    taken = scaled(lines, pool, servers(recipe), known.worlds({}))
    basis = f"a pilot of {lines.filter(pl.col('place') == 0).height} problems; speeds and waits are assumptions"
    return figures(recipe, pool, taken, basis, paid_shares(recipe, storage))


def seen(storage: Storage, plan: Plan) -> pl.DataFrame:
    """What became of a run's problems at each stage, and what they took there: columns `SEEN`."""
    chains = plans.chains(storage, plan)
    if any(len(chain) <= len(plan.stages) for chain in chains):
        raise CurationError(f"run {plan.run} is not finished; run it again, then estimate")
    paid = events(storage).filter(pl.col("status") == "reply").unique("key", keep="first", maintain_order=True)
    tokens = paid.select("key", input_tokens="prompt_tokens", output_tokens="completion_tokens")
    found = [
        _of_stage(storage, place, manifest, tokens) for chain in chains for place, manifest in enumerate(chain[1:])
    ]
    return pl.concat(found).select(list(SEEN))


def _of_stage(storage: Storage, place: int, manifest: Manifest, tokens: pl.DataFrame) -> pl.DataFrame:
    fates = manifests.read(storage, manifest, columns=["problem_id", "verdict"])
    kept = fates.select(
        "problem_id",
        place=pl.lit(place, pl.Int64),
        stage=pl.lit(manifest.stage),
        kept=pl.col("verdict") == Verdict.KEEP,
    )
    none = {name: pl.lit(0, SEEN[name]) for name in ("requests", "input_tokens", "output_tokens")}
    if ASKED_TABLE not in manifest.files:
        return kept.with_columns(**none, usd=pl.lit(0.0)).select(list(SEEN))
    asked = manifests.read(storage, manifest, ASKED_TABLE).join(tokens, on="key", how="left")
    sums = asked.group_by("problem_id").agg(
        requests=pl.len().cast(pl.Int64),
        usd=pl.col("microusd").sum() / 1_000_000,
        input_tokens=pl.col("input_tokens").sum(),
        output_tokens=pl.col("output_tokens").sum(),
    )
    return (
        kept.join(sums, on="problem_id", how="left")
        .fill_null(0)
        .with_columns(pl.col("usd").cast(pl.Float64))
        .select(list(SEEN))
    )


def _lot(problem_id: str) -> str:
    return sha256(f"pilot {problem_id}".encode()).hexdigest()


def _pool(recipe: Recipe, root: str) -> pl.DataFrame:
    """Every problem that is collected from the recipe's sources, in the order of their lots."""
    storage = world.storage(root)
    intakes = collect.fn(recipe.sources, Where(root=root, run=""), recipe.collect)
    columns = ["problem_id", "source", *_FIELDS.values()]
    pool = pl.concat([manifests.read(storage, one, PROBLEMS, columns) for one in intakes])
    return pool.sort(pl.col("problem_id").map_elements(_lot, return_dtype=pl.String))


def _over(recipe: Recipe, root: str, chosen: pl.DataFrame, name: str) -> Recipe:
    """The recipe under another name over the chosen problems."""
    sources = [_written(world.storage(root), source, lines) for source, lines in _by_source(recipe, chosen)]
    return recipe.model_copy(update={"name": name, "sources": sources})


def _by_source(recipe: Recipe, chosen: pl.DataFrame) -> list[tuple[Source, pl.DataFrame]]:
    parts = [(source, chosen.filter(pl.col("source") == source.name)) for source in recipe.sources]
    return [(source, lines) for source, lines in parts if lines.height]


def _written(storage: Storage, source: Source, lines: pl.DataFrame) -> Source:
    """The chosen problems as a source of the same name: a file under the root, named by what is in it."""
    rows = lines.sort("problem_id").select(**_FIELDS).to_dicts()
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    name = f"pilots/{sha256(data).hexdigest()[:16]}.jsonl"
    storage.put(name, data)
    return Source(name=source.name, path=f"{storage.root}/{name}", licence=source.licence)
