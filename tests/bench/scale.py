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

from flows import services
from flows.recipe import load
from flows.runner import Runner
from flows.services import prefect_server, rehearsal
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
    address: str
    runner: Runner
    workers: int
    shards: int

    def recipe(self, source: Path) -> Path:
        """`recommended.yaml` over a file of made-up rows, with rehearsal models and the packaged embedder."""
        given = load("recommended").model_dump(mode="json")
        for stage in given["stages"]:
            if stage["stage"] == "decontaminate":
                stage["settings"]["benchmarks"] = [{"name": "made", "path": str(self.folder / "benchmark.jsonl")}]
                del stage["settings"]["embedder"]
        given |= {
            "name": "scale",
            "sources": [{"name": "made", "path": str(source), "licence": "CC0-1.0"}],
            "endpoints": {"here": {"kind": "openai", "address": self.address, "concurrency": 64}},
            "roles": {
                role: {"endpoint": "here", "model": f"rehearsal/{role}", "revision": "1"} for role in given["roles"]
            },
            "shards": self.shards, "budget": {}, "trial": None, "approve_above_usd": None,
        }  # fmt: skip
        path = self.folder / "recipe.yaml"
        path.write_text(json.dumps(given), encoding="utf-8")
        return path

    def run(self, root: Path, rows: int) -> Measured:
        """Run the recipe over the first `rows` rows."""
        source = self.folder / "rows.jsonl"
        write(source, range(rows))
        command = [sys.executable, "-m", "flows", "run", str(self.recipe(source)), "--root", str(root), "--json"]
        command += ["--runner", self.runner.value, "--workers", str(self.workers)]
        with prefect_server(root.with_suffix(".prefect")) as server, server():
            began = time.perf_counter()
            process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
            with process, watched(process.pid) as peaks:
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


def _objects(root: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        found[folder.name] = (len(sizes), sum(sizes))
    return found


@contextmanager
def prepared(runner: Runner, workers: int, shards: int) -> Iterator[Bench]:
    """A folder for the runs, a benchmark in it, and models that answer at once."""
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as name:
        folder = Path(name)
        write_benchmark(folder / "benchmark.jsonl")
        with rehearsal(folder / "journal.jsonl") as address:
            yield Bench(folder=folder, address=address, runner=runner, workers=workers, shards=shards)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runner", type=Runner, default=Runner.RAY)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--shards", type=int, default=16)
    given = parser.parse_args()
    logging.getLogger("tasks").setLevel(logging.WARNING)
    with prepared(given.runner, given.workers, given.shards) as bench:
        small = bench.run(bench.folder / "small", given.rows // 10)
        whole = bench.run(bench.folder / "whole", given.rows)
        grown = bench.run(bench.folder / "whole", given.rows + given.rows // 100)
    for what, figure in told(small, whole, grown, given.workers):
        say(what, figure)


if __name__ == "__main__":
    services.be_quiet()
    main()
