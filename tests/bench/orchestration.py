"""What orchestration costs: `python -m tests.bench.orchestration [--quick]`, 240 shards through 8 stages as one run.

The run's manifests are made before, without Prefect, so that every task run finds its own and returns: what is left
is Prefect, Ray and this project's flow. Meanwhile the server is asked for the run's state twice a second, and the
driver's memory is read. At the end it is waited for that the server shows every task run as completed: what it is
behind is its queue of events. The share of a run that is not models or computing is of shards of 1,000 rows, whose
computing is that of one shard with instant models: real ones take longer, so the share is the greatest there can be.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import logging
import os
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from flows import services
from flows.curate import curate
from flows.recipe import Recipe
from flows.runner import Runner, task_runner
from flows.services import prefect_server, rehearsal
from flows.status import status
from tasks import world
from tasks.models.rehearsal.champ import problems
from tests.bench.common import say
from tests.bench.memory import repeatedly
from tests.flows.bare import run

STAGES = ("screen", "decontaminate", "rate", "decontaminate", "solve", "verify", "decontaminate", "classify")
ROLES = ("screener", "judge", "rater", "solver", "topic")
WORKERS = 2
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def recipe(folder: Path, address: str, shards: int) -> Recipe:
    """CHAMP's 270 problems through the eight stages."""
    source, benchmark = folder / "champ.jsonl", folder / "benchmark.jsonl"
    lines = [json.dumps({"id": p.id, "question": p.text, "answer": p.gold}) + "\n" for p in problems()]
    source.write_text("".join(lines), encoding="utf-8")
    benchmark.write_text("".join(lines[::7]), encoding="utf-8")
    known = {"benchmarks": [{"name": "some", "path": str(benchmark)}]}
    settings: dict[str, dict[str, Any]] = {
        "decontaminate": known,
        "rate": {"gate": 1.0},
        "solve": {"max_tokens": 4096},
    }
    return Recipe.model_validate({
        "name": "orchestration",
        "sources": [{"name": "champ", "path": str(source), "licence": "MIT"}],
        "endpoints": {"here": {"kind": "openai", "address": address, "concurrency": 64}},
        "roles": {role: {"endpoint": "here", "model": f"rehearsal/{role}", "revision": "1"} for role in ROLES},
        "stages": [{"stage": stage, **settings.get(stage, {})} for stage in STAGES],
        "shards": shards,
        "trial": None,
    })  # fmt: skip


@dataclass
class Watched:
    """What was seen while a run went: seconds that the server took to answer, and the driver's memory in MiB."""

    answers: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def ask(path: str, body: Any) -> Any:
    """What the Prefect server answers to a POST."""
    url = f"{os.environ['PREFECT_API_URL']}{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - a loopback address
        return json.loads(answer.read())


def resident() -> float:
    """This process's memory, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES / 2**20


def held() -> float:
    """The same without what is free and only kept by the allocator for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident()


@contextmanager
def watching() -> Iterator[Watched]:
    """Ask the server for the latest run and read this process's memory, twice a second."""
    seen = Watched()

    def look() -> None:
        began = time.perf_counter()
        ask("/flow_runs/filter", {"limit": 1, "sort": "START_TIME_DESC"})
        seen.answers.append(time.perf_counter() - began)
        seen.memory.append(resident())

    with repeatedly(look, 0.5):
        yield seen


def shown(expected: int, seconds: float = 300) -> tuple[int, float]:
    """How many task runs the server shows as completed, and the seconds until it showed all, `seconds` at most."""
    began = time.perf_counter()
    while True:
        count = ask("/task_runs/count", {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})
        waited = time.perf_counter() - began
        if count >= expected or waited > seconds:
            return count, waited
        time.sleep(0.5)


def orchestrated(kind: Runner, made: Recipe, root: str, home: Path, tasks: int) -> float:
    """Seconds of orchestration per task run; prints what else was seen."""
    with prefect_server(home) as server, task_runner(kind, WORKERS) as runner, server(), watching() as seen:
        before, began = held(), time.perf_counter()
        curate.with_options(task_runner=runner)(made, root)
        took = time.perf_counter() - began
        after = held()
        count, behind = shown(tasks)
    quarter = max(1, len(seen.memory) // 4)
    ordered = sorted(seen.answers)
    say(f"{kind.value}: seconds of the run", f"{took:.1f}")
    say(f"{kind.value}: seconds of orchestration per task run", f"{took / tasks:.4f}")
    memory = f"{median(seen.memory[:quarter]):.0f}, {median(seen.memory[-quarter:]):.0f}"
    say(f"{kind.value}: MiB of the driver, first and last quarter", memory)
    say(f"{kind.value}: MiB in use in the driver, before and after the run", f"{before:.0f}, {after:.0f}")
    say(f"{kind.value}: seconds to answer a call, median and longest", f"{median(ordered):.3f}, {ordered[-1]:.3f}")
    say(f"{kind.value}: seconds that the server's events were behind at the end", f"{behind:.1f}")
    say(f"{kind.value}: task runs shown as completed, of {tasks}", str(count))
    return took / tasks


def computing(made: Recipe, root: str) -> float:
    """Seconds that a stage takes for 1,000 rows, with instant models, in one shard."""
    began = time.perf_counter()
    plan = run(made.model_copy(update={"shards": 1}), root)
    took = time.perf_counter() - began
    rows = sum(step.rows_in for step in status(world.storage(root), plan).funnel[1:])
    return took / rows * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.orchestration", description="What orchestration costs"
    )
    parser.add_argument("--quick", action="store_true", help="24 shards")
    logging.getLogger("tasks").setLevel(logging.WARNING)
    shards = 24 if parser.parse_args().quick else 240
    with tempfile.TemporaryDirectory() as name, rehearsal(Path(name) / "journal.jsonl") as address:
        folder = Path(name)
        made, root = recipe(folder, address, shards), str(folder / "root")
        per_thousand = computing(made, str(folder / "one"))
        say("seconds of a stage for 1,000 rows, instant models", f"{per_thousand:.1f}")
        tasks = len(run(made, root).shards) * len(STAGES) + 2
        for kind in (Runner.THREADS, Runner.RAY):
            each = orchestrated(kind, made, root, folder / kind.value, tasks)
            say(
                f"{kind.value}: share that is orchestration, shards of 1,000 rows",
                f"{each / (each + per_thousand):.1%}",
            )


if __name__ == "__main__":
    services.be_quiet()
    main()
