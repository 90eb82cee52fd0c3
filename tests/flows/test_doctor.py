"""The doctor, on the rehearsal models over HTTP: what is well, what is not, and what its questions cost."""

import json
import socket
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from flows.__main__ import app
from flows.curate import journal
from flows.doctor import examine
from flows.readiness import Finding
from flows.recipe import Recipe, load
from tasks.ledger import spend
from tasks.models.rehearsal.journal import read
from tasks.rows.storage import Storage

DEMO = load("demo")
BENCHMARK = next(choice.typed().benchmarks[0].path for choice in DEMO.stages if choice.stage == "decontaminate")
STAGES = [
    {"stage": "screen"},
    {"stage": "decontaminate", "benchmarks": [{"name": "b", "path": BENCHMARK}]},
    {"stage": "rate"},
    {"stage": "solve", "max_tokens": 4096},
    {"stage": "verify"},
    {"stage": "classify"},
]
ROLES = ("screener", "judge", "rater", "solver", "topic")


def given(**changes: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "sources": [{"name": "own", "path": BENCHMARK}],
        "endpoints": {"here": {"kind": "rehearsal"}},
        "roles": {role: {"endpoint": "here", "model": f"rehearsal/{role}", "revision": "1"} for role in ROLES},
        "stages": STAGES,
        **changes,
    }


def found(recipe: dict[str, Any], root: Path, today: date | None = None) -> dict[tuple[str, str], Finding]:
    return {(one.subject, one.check): one for one in examine(Recipe.model_validate(recipe), str(root), today)}


def faults(there: dict[tuple[str, str], Finding]) -> set[tuple[str, str]]:
    return {place for place, one in there.items() if one.verdict == "fault"}


def test_a_sound_recipe_is_sound_and_every_question_is_in_log_and_bill(tmp_path: Path) -> None:
    for turn in (1, 2):
        there = found(given(), tmp_path)
        assert faults(there) == set()
        assert {there[role, check].verdict for role in ROLES for check in
                ("price", "answers", "served model", "structured", "context")} == {"ok"}  # fmt: skip
        assert there["storage", "create-only writes"].verdict == there["embedder", "loads"].verdict == "ok"
        log = spend.events(Storage(str(tmp_path))).filter(pl.col("kind") == "outcome")
        served = read(journal(str(tmp_path)))
        assert set(log["stage"]) == {"doctor"}
        assert len(served) == log.height == turn * (5 + 4)
        assert sum(entry.microusd for entry in served) == log["microusd"].sum()
    assert log["run"].n_unique() == 2


def test_on_the_command_line_a_fault_is_exit_code_1_and_json_says_it(tmp_path: Path) -> None:
    (tmp_path / "faults.yaml").write_text("shares: {wrong_model: 1.0}")
    recipe = given(endpoints={"here": {"kind": "rehearsal", "faults": str(tmp_path / "faults.yaml")}})
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    done = CliRunner().invoke(app, ["doctor", str(path), "--root", str(tmp_path / "root"), "--json"])
    assert done.exit_code == 1
    said = [one for one in json.loads(done.stdout) if one["verdict"] == "fault"]
    assert {(one["subject"], one["check"]) for one in said} == {(role, "served model") for role in ROLES}
    assert all("rehearsal/other" in one["words"] for one in said)
    assert CliRunner().invoke(app, ["doctor", str(tmp_path / "none.yaml")]).exit_code == 2


def test_a_model_without_a_price_is_asked_nothing(tmp_path: Path) -> None:
    recipe = given()
    recipe["roles"]["rater"]["model"] = "rehearsal/unpriced"
    there = found(recipe, tmp_path)
    assert faults(there) == {("rater", "price")}
    assert ("rater", "answers") not in there
    assert {entry.model for entry in read(journal(str(tmp_path)))} == {
        f"rehearsal/{r}" for r in ROLES if r != "rater"
    }


def test_a_role_whose_key_is_not_there_is_asked_nothing_and_the_others_are(tmp_path: Path) -> None:
    paid = {"kind": "openai", "address": "http://127.0.0.1:9/v1", "api_key_env": "KEY_THAT_NOBODY_SET"}
    recipe = given(endpoints={"here": {"kind": "rehearsal"}, "paid": paid})
    recipe["roles"]["rater"]["endpoint"] = "paid"
    there = found(recipe, tmp_path)
    assert faults(there) == {("rater", "key")}
    assert "KEY_THAT_NOBODY_SET is not set" in there["rater", "key"].words
    assert ("rater", "answers") not in there
    assert there["judge", "answers"].verdict == "ok"


def test_an_engine_that_no_card_here_can_hold_is_told_and_not_waited_for(tmp_path: Path) -> None:
    own = load("demo_vllm").endpoints["smollm2"].model_dump(mode="json")
    cards = {"kind": "H20-96GB", "count": 64, "usd_per_hour": "1.5", "as_of": "2026-11-01", "source": "contract"}
    own["engine"] |= {"cards": cards}
    recipe = given(endpoints={"here": {"kind": "rehearsal"}, "own": own})
    recipe["roles"]["rater"]["endpoint"] = "own"
    there = found(recipe, tmp_path)
    assert faults(there) == {("rater", "engine")}
    assert "holds 64 H20-96GB" in there["rater", "engine"].words
    assert there["judge", "answers"].verdict == "ok"


def test_a_context_that_is_too_short_is_told(tmp_path: Path) -> None:
    recipe = given(stages=[{"stage": "solve", "max_tokens": 32768}])
    there = found(recipe, tmp_path)
    assert faults(there) == {("solver", "context")}
    assert "of 16384" in there["solver", "context"].words
    assert there["rater", "answers"].verdict == "unknown"
    assert there["budget", "budget"].verdict == "warning"


def test_sources_benchmarks_and_embedders_that_are_not_there_are_told(tmp_path: Path) -> None:
    sources = [
        {"name": "gone", "path": str(tmp_path / "none.jsonl")},
        {"name": "globbed", "path": str(tmp_path / "*.jsonl")},
        {"name": "posts", "preset": "webinstructsub"},
    ]
    benchmarks = [{"name": "here", "path": BENCHMARK}, {"name": "gone", "path": str(tmp_path / "none.jsonl")}]
    embedder = {"kind": "package", "name": "no-such-model", "revision": "1"}
    stages = [{"stage": "decontaminate", "benchmarks": benchmarks, "embedder": embedder}]
    there = found(given(sources=sources, stages=stages), tmp_path / "root")
    of_sources = {(f"source {one['name']}", "files") for one in sources}
    assert faults(there) == of_sources | {("benchmarks", "files"), ("embedder", "loads")}
    assert "none.jsonl" in there["source gone", "files"].words
    assert "pins no commit" in there["source posts", "files"].words
    assert "1 of 2" in there["benchmarks", "files"].words
    (tmp_path / "one.jsonl").write_text("")
    assert faults(found(given(sources=sources[1:2]), tmp_path / "root")) == set()


def test_a_budget_is_told(tmp_path: Path) -> None:
    there = found(given(stages=[{"stage": "rate"}], budget={"usd": 50}), tmp_path)
    assert (there["budget", "budget"].verdict, there["budget", "budget"].words) == ("ok", "usd: 50")


def test_an_endpoint_that_nobody_is_at_and_a_model_that_has_ended(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    role = {"endpoint": "there", "model": "deepseek-reasoner", "revision": "1"}
    recipe = given(
        endpoints={"there": {"kind": "openai", "address": nobody}}, roles={"rater": role}, stages=[{"stage": "rate"}]
    )
    there = found(recipe, tmp_path, date(2026, 11, 22))
    assert faults(there) == {("rater", "answers"), ("rater", "retirement")}
    assert "ended 2026-07-24" in there["rater", "retirement"].words


@pytest.mark.parametrize(
    ("today", "verdict"), [(date(2026, 1, 1), "ok"), (date(2026, 11, 22), "warning"), (date(2027, 1, 14), "fault")]
)
def test_the_end_of_gpt_4o_is_near_and_then_there(tmp_path: Path, today: date, verdict: str) -> None:
    role = {"endpoint": "paid", "model": "openai/gpt-4o-2024-08-06", "revision": "2024-08-06"}
    recipe = given(endpoints={"paid": {"kind": "litellm"}}, roles={"rater": role}, stages=[{"stage": "rate"}])
    (tmp_path / "file").write_text("where the root should be: nothing is asked")
    there = found(recipe, tmp_path / "file", today)
    assert there["rater", "retirement"].verdict == verdict
    assert there["storage", "create-only writes"].verdict == "fault"
    assert ("rater", "answers") not in there
