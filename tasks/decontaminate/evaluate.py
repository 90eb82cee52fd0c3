"""How much contamination each layer finds on labelled pairs.

    python -m tasks.decontaminate.evaluate --pairs FILE.jsonl [--benchmarks DIR [--embedder JSON]]
        [--judge MODEL --address URL] [--root ROOT]

prints one JSON object: over all pairs, by half, source and kind, the recall and false hits of proofs; with
`--benchmarks`, how often a pair's question is among the 1, 5, 10, 20 nearest of all questions in DIR/*.jsonl and in
the pairs, by a recipe's embedder; with `--judge`, the same of the whole stage, each pair by itself. See `scoring` for
the shape of a pair.

Vectors are kept under the root. The judge is asked as in a run: replies are kept there too and never bought twice,
and the price must be known.
`python -m tasks.models.rehearsal --journal FILE` serves the model rehearsal/judge.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks import world
from tasks.decontaminate import judging
from tasks.decontaminate.asking import PROMPTS
from tasks.decontaminate.benchmarks import Benchmark, Neighbour
from tasks.decontaminate.proof import Proof, prove
from tasks.decontaminate.ranking import ranks
from tasks.decontaminate.scoring import Pair, Seen, checked, half, table
from tasks.decontaminate.settings import Settings
from tasks.embedding.embed import EmbedderSettings
from tasks.embedding.vectors import KeptVectors
from tasks.errors import CurationError
from tasks.models.asker import Desk
from tasks.models.endpoint import Endpoint
from tasks.models.request import Model
from tasks.rows.problem import BUCKETS, problem_id
from tasks.rows.shards import Shard
from tasks.rows.verdict import Decision
from tasks.stage import each_row
from tasks.world import Where

STAGE = "evaluate-decontaminate"


async def judged(pairs: Sequence[Pair], settings: Settings, where: Where, model: Model) -> list[Decision]:
    """The stage's decision on each pair, as if its question were the only neighbour."""
    rows = [_row(pair) for pair in pairs]
    shard = Shard(intake=STAGE, low=0, high=BUCKETS)
    async with (
        world.whole_lease(where, STAGE) as lease,
        world.desk(where, STAGE, shard, {"judge": model}, lease) as desk,
    ):
        return await _decide(rows, desk, settings)


async def _decide(rows: Sequence[Mapping[str, Any]], desk: Desk, settings: Settings) -> list[Decision]:
    return await each_row(rows, desk, "judge", lambda row, ask: judging.decide(row, ask, settings))


def _row(pair: Pair) -> dict[str, Any]:
    """The score is 1: whether a floor would have spared the pair is what retrieval tells."""
    near = Neighbour(
        benchmark_id="pair",
        benchmark="pairs",
        question=pair["benchmark_question"],
        score=1.0,
        proof=prove(pair["candidate"], pair["benchmark_question"]),
    )
    return {"problem_id": problem_id(pair["candidate"]), "question": pair["candidate"], "neighbours": [near]}


def evaluate(given: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for on the command line. Raises `CurationError`."""
    lines = given.pairs.read_text(encoding="utf-8").splitlines()
    labelled = checked([json.loads(line) for line in lines if line.strip()])
    pairs = [pair for pair in labelled if given.split in ("all", half(pair))]
    settings = Settings(
        benchmarks=(Benchmark(name="pairs", path="pairs"),),
        embedder=given.embedder,
        policy=given.policy,
        orders=given.orders,
        first=given.first,
    )
    proofs: list[Proof | None] = [prove(pair["candidate"], pair["benchmark_question"]) for pair in pairs]
    kept = KeptVectors(world.storage(given.root), settings.embedder).windows if given.root else None
    at = ranks(pairs, given.benchmarks, settings, kept) if given.benchmarks else [None] * len(pairs)
    decisions: Sequence[Decision | None] = [None] * len(pairs)
    if given.judge:
        where = Where(
            root=given.root, run=STAGE, endpoints={"judge": Endpoint(address=given.address, api_key_env=given.key)},
            routes={"judge": "judge"},
        )  # fmt: skip
        decisions = asyncio.run(judged(pairs, settings, where, Model(name=given.judge, revision=given.revision)))
    seen = [Seen(proof=p, rank=r, decision=d) for p, r, d in zip(proofs, at, decisions, strict=True)]
    return {
        "judge": given.judge,
        "policy": given.policy,
        **table(pairs, seen, retrieved=given.benchmarks is not None),
    }


def main(arguments: list[str]) -> int:
    """Evaluate a file of pairs and print JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m tasks.decontaminate.evaluate", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--pairs", type=Path, required=True, help="JSON lines: candidate, benchmark_question, label")
    parser.add_argument("--benchmarks", type=Path, help="folder of JSONL files to search: measures retrieval")
    parser.add_argument(
        "--embedder",
        type=EmbedderSettings.model_validate_json,
        default=EmbedderSettings(),
        help="JSON, as in a recipe",
    )
    parser.add_argument("--split", choices=("all", "fitted", "held-out"), default="all")
    parser.add_argument("--policy", choices=tuple(PROMPTS), default="same_problem")
    parser.add_argument("--orders", choices=("both", "second_if_needed", "one"), default="both")
    parser.add_argument("--first", choices=("pairs", "together"), default="pairs")
    parser.add_argument("--judge", help="model to ask, as the price table names it: measures the whole stage")
    parser.add_argument("--revision", default="1", help="what pins the judge")
    parser.add_argument("--address", help="OpenAI-compatible server of the judge, ending in /v1")
    parser.add_argument("--key", help="environment variable that holds the server's key")
    parser.add_argument("--root", help="storage root that keeps vectors and the judge's replies")
    given = parser.parse_args(arguments)
    if given.judge and not (given.address and given.root):
        parser.error("--judge needs --address and --root")
    try:
        print(json.dumps(evaluate(given), indent=1, ensure_ascii=False))
    except CurationError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
