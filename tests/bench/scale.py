"""What the system itself costs at scale: `make bench-scale ROWS=100000`.

Made-up rows (`scale_rows`) go through the stages of `recommended.yaml`, with rehearsal models that answer at once, as
`python -m flows run` runs them: a tenth of the rows, then all of them, then all and 1% more. So what is measured is
everything but models and cards. Rows a second are those of one worker while it is at work; memory is the peak of each
kind of process, looked at once a second. The last part reckons from it what the paper's pool would take.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows import services
from flows.recipe import load
from flows.runner import Runner
from flows.services import prefect_server, rehearsal
from tests.bench.cluster import cluster
from tests.bench.common import REPOSITORY, say
from tests.bench.memory import Peaks, watched
from tests.bench.scale_page import told
from tests.bench.scale_rows import write, write_benchmark
from tests.bench.task_times import seconds_by_stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run: seconds, rows and requests so far, peaks in MiB, and what lies under its root."""

    rows: int
    seconds: float
    stages: dict[str, tuple[int, float]]
    """Rows in, and seconds of its task runs that were not there already."""
    requests: int
    peaks: Peaks
    objects: dict[str, tuple[int, int]]
    """Number and bytes of the objects in each folder of the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is the same for all runs."""

    folder: Path
    recipe: Path
    source: Path
    runner: Runner
    workers: int
    nodes: int

    def run(self, root: Path, rows: int) -> Measured:
        """Run the recipe over the first `rows` rows."""
        write(self.source, range(rows))
        command = [sys.executable, "-m", "flows", "run", str(self.recipe), "--root", str(root), "--json"]
        command += ["--runner", self.runner.value, "--workers", str(self.workers)]
        with (
            prefect_server(root.with_suffix(".prefect")) as server,
            server(),
            cluster(self.nodes, self.workers) as of_ray,
        ):
            began = time.perf_counter()
            process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
            with process, watched(process.pid, of_ray) as peaks:
                said, _ = process.communicate()
            seconds = time.perf_counter() - began
            if process.returncode:
                raise SystemExit(f"the run ended with exit code {process.returncode}")
            worked = seconds_by_stage()
        found = json.loads(said)
        return Measured(
            rows=rows,
            seconds=seconds,
            stages={step["stage"]: (step["rows_in"], worked[step["stage"]]) for step in found["status"]["funnel"]},
            requests=sum(line["attempts"] for line in found["spend"]["lines"]),
            peaks=peaks,
            objects=_objects(root),
        )


def recipe(source: Path, benchmark: Path, address: str, shards: int) -> dict[str, Any]:
    """`recommended.yaml` over a file of made-up rows, with rehearsal models and the packaged embedder."""
    given = load("recommended").model_dump(mode="json")
    for stage in given["stages"]:
        if stage["stage"] == "decontaminate":
            stage["settings"]["benchmarks"] = [{"name": "made", "path": str(benchmark)}]
            del stage["settings"]["embedder"]
    roles = {role: {"endpoint": "here", "model": f"rehearsal/{role}", "revision": "1"} for role in given["roles"]}
    return given | {
        "name": "scale",
        "sources": [{"name": "made", "path": str(source), "licence": "CC0-1.0"}],
        "endpoints": {"here": {"kind": "openai", "address": address, "concurrency": 64}},
        "roles": roles,
        "shards": shards,
        "budget": {},
        "trial": None,
        "approve_above_usd": None,
    }


def _objects(root: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        found[folder.name] = (len(sizes), sum(sizes))
    return found


@contextmanager
def prepared(runner: Runner, workers: int, shards: int, nodes: int = 0) -> Iterator[Bench]:
    """A folder for the runs, the recipe of all of them, and models that answer at once."""
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as name:
        folder = Path(name)
        source, benchmark, made = (folder / file for file in ("rows.jsonl", "benchmark.jsonl", "recipe.yaml"))
        write_benchmark(benchmark)
        with rehearsal(folder / "journal.jsonl") as address:
            made.write_text(json.dumps(recipe(source, benchmark, address, shards)), encoding="utf-8")
            yield Bench(folder=folder, recipe=made, source=source, runner=runner, workers=workers, nodes=nodes)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runner", type=Runner, default=Runner.RAY)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--nodes", type=int, default=0, help="nodes of a Ray cluster; 0: a run's own Ray")
    parser.add_argument("--shards", type=int, default=16)
    given = parser.parse_args()
    logging.getLogger("tasks").setLevel(logging.WARNING)
    with prepared(given.runner, given.workers, given.shards, given.nodes) as bench:
        small = bench.run(bench.folder / "small", given.rows // 10)
        whole = bench.run(bench.folder / "whole", given.rows)
        grown = bench.run(bench.folder / "whole", given.rows + given.rows // 100)
    for what, figure in told(small, whole, grown, given.workers):
        say(what, figure)


if __name__ == "__main__":
    services.be_quiet()
    main()
