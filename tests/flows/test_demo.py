"""The demo from end to end, as a person starts it: real Prefect server, Ray, storage, rehearsal models."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml

from flows import plan as plans
from flows.contaminated import contaminated
from flows.demo import held_out
from flows.estimate import servers
from flows.pilot import seen
from flows.ratings import ratings, read_known
from flows.recipe import load
from tasks.estimate.assumptions import assumptions
from tasks.estimate.figures import interval
from tasks.estimate.pilot import scaled
from tasks.ledger.spend import events, possibly_paid
from tasks.models.rehearsal import journal
from tasks.publish.exports import DEEPMATH
from tasks.report.fates import fates
from tasks.rows import manifest as manifests
from tasks.rows.chain import PROBLEMS
from tasks.rows.storage import Storage
from tasks.screen.guessable import MOST, counted
from tests.flows import reported
from tests.flows.explained import check_stories
from tests.kill.processes import MARK, left_over, marked
from tests.kill.witness import body_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "flows", "demo", "--json", "--root"]


def demo(root: str, *options: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """Run the demo and give what it says. Nobody is where it would look for the Hub."""
    around = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", **(env or {})}
    done = subprocess.run([*COMMAND, root, *options], cwd=ROOT, env=around, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout))


def served(root: Path) -> Counter[tuple[str, str]]:
    """How often each request was served, by (model, body)."""
    lines = journal.read(root / "rehearsal" / "journal.jsonl")
    return Counter((line.model, line.body_sha256) for line in lines)


def dataset(said: dict[str, Any]) -> dict[str, bytes]:
    folder = Path(said["status"]["dataset"])
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "root"


@pytest.fixture(scope="module")
def said(root: Path) -> dict[str, Any]:
    """The first run of the demo, on a local Ray."""
    return demo(str(root))


def test_every_row_is_accounted_for(said: dict[str, Any]) -> None:
    steps = said["status"]["funnel"]
    assert [step["stage"] for step in steps] == [
        *("collect", "screen", "decontaminate", "rate", "solve", "verify", "classify", "publish")
    ]
    assert steps[0]["rows_in"] == 375
    for step in steps:
        assert step["rows_in"] == step["kept"] + sum(step["dropped"].values()) + sum(step["quarantined"].values())
    for before, after in itertools.pairwise(steps):
        assert after["rows_in"] == before["kept"]


def test_every_planted_row_ends_where_it_should(root: Path, said: dict[str, Any]) -> None:
    storage = Storage(str(root))
    plan = plans.load(storage, said["status"]["run"])
    done = plans.chains(storage, plan)
    last = plans.published(storage, plan, done)
    assert last is not None
    rows = fates(storage, plan.intakes, done, last).filter(pl.col("source") == "forum").to_dicts()
    found = {
        row["source_id"] or f"line-{int(row['locator'].split(':')[1]):03d}": {
            name: row[name] for name in ("stage", "verdict", "reason")
        }
        for row in rows
    }
    expected = yaml.safe_load((ROOT / "tests" / "demo_fates.yaml").read_text(encoding="utf-8"))
    assert len(expected) >= 80
    assert found == expected


def test_the_contamination_report_counts_what_was_dropped(root: Path, said: dict[str, Any]) -> None:
    storage = Storage(str(root))
    found, sizes = contaminated(storage, plans.load(storage, said["status"]["run"]))
    step = next(step for step in said["status"]["funnel"] if step["stage"] == "decontaminate")
    assert sum(one.dropped for one in found.sources) == step["dropped"]["contaminated"]
    assert sum(one.rows for one in found.sources) == step["rows_in"]
    [champ] = found.benchmarks
    assert 0 < champ.by["exact"] <= champ.found <= sizes["champ-benchmark"]


def test_the_ratings_are_held_against_known_levels(root: Path, said: dict[str, Any], tmp_path: Path) -> None:
    storage = Storage(str(root))
    plan = plans.load(storage, said["status"]["run"])
    assert ratings(storage, plan).calibration is None
    rated = [manifests.read(storage, chain[3]) for chain in plans.chains(storage, plan)]
    levels = dict(pl.concat(rated).drop_nulls("difficulty").select("problem_id", "difficulty").iter_rows())
    pool = pl.concat([manifests.read(storage, one, PROBLEMS, ["problem_id", "question"]) for one in plan.intakes])
    known = tmp_path / "known.jsonl"
    lines = [
        {"question": text, "difficulty": levels[name] - 0.5} for name, text in pool.iter_rows() if name in levels
    ]
    known.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    told = ratings(storage, plan, read_known(known))
    step = next(step for step in said["status"]["funnel"] if step["stage"] == "rate")
    assert told.agreement.problems == step["rows_in"]
    assert told.rater == "rehearsal/rater@1"
    assert told.calibration is not None
    assert told.calibration.problems == step["rows_in"]
    assert told.calibration.bias == pytest.approx(0.5)
    assert told.calibration.rank_correlation == pytest.approx(1)
    assert told.calibration.corrected_error == pytest.approx(0, abs=0.2)


def test_the_data_set_has_deepmaths_shape(said: dict[str, Any]) -> None:
    folder = Path(said["status"]["dataset"])
    path = folder / "deepmath" / "train-00000-of-00001.parquet"
    assert pq.read_schema(path).equals(DEEPMATH)
    frame = pl.read_parquet(path)
    assert frame.height == said["status"]["dataset_rows"]
    assert frame.null_count().row(0) == (0,) * frame.width
    assert frame["difficulty"].min() >= 5.0
    assert counted(frame["final_answer"]).share <= MOST
    assert frame["question"].n_unique() == frame.height
    assert all("\\boxed{" in text for i in (1, 2, 3) for text in frame[f"r1_solution_{i}"])
    assert all("rehearsal" in text for i in (1, 2, 3) for text in frame[f"r1_solution_{i}"])
    assert folder.name.startswith("rehearsal-demo-")
    assert "rehearsal" in (folder / "README.md").read_text(encoding="utf-8")


def test_enough_champ_problems_survive_and_the_wrong_ones_are_told(root: Path, said: dict[str, Any]) -> None:
    storage = Storage(str(root))
    plan = plans.load(storage, said["status"]["run"])
    done = plans.chains(storage, plan)
    last = plans.published(storage, plan, done)
    assert last is not None
    kept = fates(storage, plan.intakes, done, last).filter(pl.col("stage") == "publish", pl.col("verdict") == "keep")
    assert kept.filter(pl.col("source") == "champ").height >= 25
    without_answer = held_out(storage, plan)
    assert without_answer.survivors > len(without_answer.wrong) > 0


def test_every_story_is_the_tables(root: Path, said: dict[str, Any]) -> None:
    storage = Storage(str(root))
    check_stories(storage, plans.load(storage, said["status"]["run"]), count=20, seed=9)


def test_the_report_is_what_the_tables_say(root: Path, said: dict[str, Any]) -> None:
    reported.is_what_the_tables_say(root, said["status"]["run"])
    reported.lies_beside_the_plan(root, said["status"]["run"], said["status"]["dataset_rows"])


def test_the_report_of_an_unfinished_run_says_how_far_it_is(root: Path, said: dict[str, Any], tmp_path: Path) -> None:
    reported.says_how_far_a_run_is(root, said["status"]["run"], tmp_path / "root")


def test_novelty_is_judged_and_paid_once(root: Path, said: dict[str, Any], tmp_path: Path) -> None:
    reported.novelty_is_judged_and_paid_once(
        root, said["status"]["run"], tmp_path / "root", ROOT / ".demo/sources/champ.jsonl"
    )


def test_the_bill_is_the_journals(root: Path, said: dict[str, Any]) -> None:
    lines = journal.read(root / "rehearsal" / "journal.jsonl")
    assert said["spend"]["microusd"] == sum(line.microusd for line in lines)
    assert sum(group["replies"] for group in said["spend"]["lines"]) == len(lines)
    assert said["spend"]["possibly_paid_attempts"] == 0
    assert max(served(root).values()) == 1


def ask_cli(*arguments: str) -> str:
    command = [sys.executable, "-m", "flows", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_status_and_spend_can_be_asked_at_any_time(root: Path, said: dict[str, Any]) -> None:
    assert said["status"] in json.loads(ask_cli("status", "--root", str(root), "--json"))
    words = ask_cli("status", "--root", str(root), "--run", said["status"]["run"])
    assert all(text in words for text in ("duplicate_exact", "contaminated", said["status"]["dataset"]))
    for group in ("stage", "model", "shard", "run", "role"):
        found = json.loads(ask_cli("spend", "--root", str(root), "--by", group, "--json"))
        assert found["microusd"] == said["spend"]["microusd"] == sum(line["microusd"] for line in found["lines"])
    assert f"{said['spend']['microusd'] / 1e6:.6f}" in ask_cli("spend", "--root", str(root), "--by", "model")


def test_a_second_run_asks_nothing(root: Path, said: dict[str, Any], prefect: None) -> None:
    before = served(root).total()
    again = demo(str(root))
    assert served(root).total() == before
    assert again == said


def test_another_shard_count_asks_nothing_and_gives_the_same_bytes(
    root: Path, said: dict[str, Any], prefect: None
) -> None:
    before = served(root).total()
    other = demo(str(root), "--shards", "7", "--runner", "threads")
    assert served(root).total() == before
    assert other["status"]["run"] != said["status"]["run"]
    assert other["status"]["dataset"] == said["status"]["dataset"]
    assert dataset(other) == dataset(said)


def test_a_real_s3_server_gives_the_same_bytes(
    said: dict[str, Any], s3_root: Callable[[], str], prefect: None
) -> None:
    url = s3_root()
    there = demo(url, "--runner", "threads")
    assert there["status"]["funnel"] == said["status"]["funnel"]
    folder = there["status"]["dataset"].removeprefix(f"{url}/")
    names = Storage(url).list(folder)
    assert {name.removeprefix(f"{folder}/"): Storage(url).read(name) for name in names} == dataset(said)


def test_killed_half_way_it_goes_on_and_repays_only_what_was_in_flight(tmp_path: Path, said: dict[str, Any]) -> None:
    root = tmp_path / "root"
    half = sum(group["replies"] for group in said["spend"]["lines"]) // 2
    mark = f"{tmp_path.name}-{os.getpid()}"
    process = subprocess.Popen(
        [*COMMAND, str(root)],
        cwd=ROOT,
        env={**os.environ, MARK: mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and served(root).total() < half:
        time.sleep(0.05)
    assert {"gcs_server", "raylet", "prefect", "rehearsal"} <= programs(mark)
    process.kill()  # this one process; what it had started must end by itself
    assert process.wait() == -signal.SIGKILL
    assert left_over(mark, seconds=20) == []
    maybe = possibly_paid(events(Storage(str(root))))
    resumed = demo(str(root))
    assert dataset(resumed) == dataset(said)
    assert resumed["status"]["funnel"] == said["status"]["funnel"]
    twice = {body for (_, body), times in served(root).items() if times > 1}
    assert max(served(root).values()) <= 2
    assert twice <= bodies(root, set(maybe["attempt"]))


def programs(mark: str) -> set[str]:
    """Which of the programs that a run starts carry its mark."""
    names = {"gcs_server": "/gcs_server ", "raylet": "/raylet ", "prefect": " prefect ", "rehearsal": ".rehearsal "}
    running = [words for _, words in marked(mark)]
    return {name for name, part in names.items() if any(part in words for words in running)}


def bodies(root: Path, attempts: set[str]) -> set[str]:
    """The journal's names of the requests of some attempts."""
    frames = [pl.read_parquet(path) for path in (root / "ledger").rglob("*.parquet")]
    intents = pl.concat(frames).filter(pl.col("kind") == "intent", pl.col("attempt").is_in(list(attempts)))
    return {body_of(text) for text in intents["request"]}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "there is no such file"),
        ("", "is empty"),
        ("not JSON\nat all\n", "can be read as a problem"),
    ],
)
def test_a_bad_file_of_ones_own_is_refused_before_anything_is_spent(
    tmp_path: Path, content: str | None, complaint: str, prefect: None
) -> None:
    source = tmp_path / "own.jsonl"
    if content is not None:
        source.write_text(content, encoding="utf-8")
    root = tmp_path / "root"
    done = subprocess.run(
        [*COMMAND, str(root), "--source", str(source), "--runner", "threads"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert served(root).total() == 0


def test_ones_own_problems_run_with_or_without_an_answer(tmp_path: Path, prefect: None) -> None:
    source = tmp_path / "own.jsonl"
    rows = [
        {"question": "Find the number of subsets of {1, ..., 9} with an even sum of elements.", "answer": "256"},
        {"question": "Determine all primes p for which p^2 + 2 is prime as well."},
        {"question": "Evaluate the sum of 1/(n(n+2)) over all positive integers n.", "answer": [3, 4]},
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    said = demo(str(tmp_path / "root"), "--source", str(source), "--runner", "threads")
    collect = said["status"]["funnel"][0]
    assert (collect["rows_in"], collect["kept"], collect["quarantined"]) == (3, 2, {"unreadable": 1})


def test_small_pilots_tell_what_the_whole_demo_takes(said: dict[str, Any], root: Path) -> None:
    """Rows and dollars of the whole lie in the 90% intervals of 16 of 20 pilots, each of 60 of its problems."""
    storage = Storage(str(root))
    lines = seen(storage, plans.load(storage, said["status"]["run"]))
    problems = lines.filter(pl.col("place") == 0)["problem_id"].to_list()
    usd, verified = lines["usd"].sum(), lines.filter(pl.col("stage") == "verify")["kept"].sum()
    hits = {"rows": 0, "usd": 0}
    for seed in range(20):
        chosen = np.random.default_rng(seed).choice(problems, 60, replace=False).tolist()
        pilot = lines.filter(pl.col("problem_id").is_in(chosen))
        taken = scaled(pilot, len(problems), servers(load("demo")), assumptions().worlds({}), seed)
        hits["rows"] += interval(next(one for one in taken if one.step.stage == "verify").rows_out).holds(verified)
        hits["usd"] += interval(np.sum([one.usd for one in taken], axis=0)).holds(usd)
    assert all(count >= 16 for count in hits.values()), hits
