"""The small run that is killed: CHAMP problems through the stages of the demo."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import yaml

from tasks.models.gate import MOST_AHEAD
from tasks.models.rehearsal.champ import problems

CONCURRENCY = 4
SHARDS = 3
WORKERS = 2
AT_ONCE = math.ceil(CONCURRENCY * (1 + MOST_AHEAD)) * WORKERS
"""The most requests that can be in flight: sent, and their outcome not yet durable."""
_ROLES = ("screener", "judge", "rater", "solver", "topic")


def write(folder: Path, address: str, rows: int, **endpoint: Any) -> Path:
    """Write a recipe and its source into `folder`, asking rehearsal models at an address; gives its path.

    `endpoint` are more settings of that endpoint.
    """
    source, benchmark = folder / "champ.jsonl", folder / "benchmark.jsonl"
    lines = [json.dumps({"id": p.id, "question": p.text, "answer": p.gold}) + "\n" for p in problems()[:rows]]
    source.write_text("".join(lines), encoding="utf-8")
    benchmark.write_text("".join(lines[::7]), encoding="utf-8")
    recipe = {
        "name": "kill",
        "sources": [{"name": "champ", "path": str(source), "licence": "MIT"}],
        "endpoints": {"here": {"kind": "openai", "address": address, "concurrency": CONCURRENCY, **endpoint}},
        "roles": {r: {"endpoint": "here", "model": f"rehearsal/{r}", "revision": "1"} for r in _ROLES},
        "stages": [
            {"stage": "screen"},
            {"stage": "decontaminate", "benchmarks": [{"name": "some", "path": str(benchmark)}]},
            {"stage": "rate", "gate": 1.0},
            {"stage": "solve", "max_tokens": 4096},
            {"stage": "verify"},
            {"stage": "classify"},
        ],
        "shards": SHARDS,
    }
    path = folder / "kill.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return path
