"""How near a candidate's own question is among all questions: what retrieval is measured by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tasks.decontaminate.benchmarks import Benchmark, BenchmarkTable, tabulate
from tasks.decontaminate.neighbours import find
from tasks.decontaminate.scoring import RANKS, Pair
from tasks.decontaminate.settings import Settings
from tasks.embedding.embed import Vectors, Windows
from tasks.rows.normal_form import normal_form


def ranks(
    pairs: Sequence[Pair], benchmarks: Path, settings: Settings, windows: Windows | None = None
) -> list[int | None]:
    """For each pair how many questions are nearer to the candidate than its own; None beyond the last of `RANKS`.

    The candidate's own copy among the benchmarks does not count: it is nearer than anything, and no neighbour.
    `windows` gives the vectors of texts; else they are embedded.
    """
    entries = _questions(pairs, benchmarks)
    places = {normal_form(entry.question): entry.benchmark_id for entry in entries.entries}
    deeper = settings.model_copy(update={"k": max(RANKS) + 1})
    rows = [{"original": pair["candidate"], "question": pair["candidate"]} for pair in pairs]
    found = []
    of_rows = partial(_of_rows, windows) if windows else None
    for pair, near in zip(pairs, find(rows, entries, deeper, windows, of_rows), strict=True):
        own, wanted = (places.get(normal_form(pair[name])) for name in ("candidate", "benchmark_question"))
        nearest = sorted(near, key=lambda one: (-one["score"], one["benchmark_id"]))
        ids = [one["benchmark_id"] for one in nearest if one["benchmark_id"] != own or own == wanted]
        found.append(ids.index(wanted) if wanted in ids[: max(RANKS)] else None)
    return found


def _of_rows(windows: Windows, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Vectors]:
    texts = list(dict.fromkeys(row["question"] for row in rows))
    return dict(zip(texts, windows(texts), strict=True))


def _questions(pairs: Sequence[Pair], folder: Path) -> BenchmarkTable:
    files = [
        (Benchmark(name=path.stem, path=str(path)), path.read_bytes()) for path in sorted(folder.glob("*.jsonl"))
    ]
    own = "\n".join(json.dumps({"question": pair["benchmark_question"]}) for pair in pairs)
    return tabulate([*files, (Benchmark(name="pairs", path="pairs"), own.encode())])
