"""A run is held to the benchmarks it was planned with."""

import json
from pathlib import Path

import pytest

from tasks.decontaminate.benchmarks import Benchmark
from tasks.decontaminate.settings import Settings
from tasks.decontaminate.task import STAGE, decontaminate, inputs
from tasks.errors import RecipeError
from tasks.models.endpoint import Endpoint
from tasks.models.prices import Price
from tasks.models.request import Model
from tasks.rows import shards
from tasks.stage import PlannedStage, plan
from tasks.world import Where
from tests.tasks.intake import collected

JUDGE = Model(name="judge", revision="1")
PRICE = Price(input=1, cached_input=1, output=1, as_of="2026-01-01", source="test")


def write(path: Path, *questions: str) -> None:
    path.write_text("".join(json.dumps({"question": text}) + "\n" for text in questions), encoding="utf-8")


def planned(settings: Settings) -> PlannedStage:
    return plan(STAGE, settings, {"judge": JUDGE}, "upstream", **inputs(settings))


def test_a_changed_benchmark_is_another_stage_and_its_path_is_not(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    write(first, "What is 1+1?")
    write(second, "What is 1+1?")
    here, there = (Settings(benchmarks=(Benchmark(name="b", path=str(path)),)) for path in (first, second))
    before = planned(here)
    assert planned(there).fingerprint == before.fingerprint
    write(first, "What is 1+1?", "What is 2+2?")
    assert planned(here).fingerprint != before.fingerprint


def test_a_shard_refuses_benchmarks_that_have_changed_since_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.jsonl"
    write(path, "What is 1+1?")
    settings = Settings(benchmarks=(Benchmark(name="b", path=str(path)),))
    before = planned(settings)
    write(path, "What is 2+2?")
    where = Where(
        root=str(tmp_path / "root"),
        run="r",
        endpoints={"nowhere": Endpoint(address="http://127.0.0.1:9/v1")},
        routes={"judge": "nowhere"},
        prices={"judge": PRICE},
    )
    intake = collected(where, [b'{"question": "What is 3+3?"}'])
    [shard] = shards.plan(intake.digest, 1)
    with pytest.raises(RecipeError, match="have changed since the run was planned"):
        decontaminate.fn(before, shard, [intake], where)
