"""A sample of each source is run as the recipe would be: it tells sources apart, and no reply is paid for again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.models.rehearsal.champ import problems

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
REPOSITORY = Path(__file__).resolve().parents[2]
HARD, EASY, HELD, SAMPLE, RATINGS, GATE = 14, 10, 3, 40, 2, 5.0


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """One source of competition problems, of which a benchmark has some, and one of sums."""

    def written(name: str, rows: list[dict[str, Any]]) -> str:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(tmp_path / name)

    hard = [{"question": one.text, "answer": one.gold} for one in problems()[:HARD]]
    easy = [{"question": f"What is ${n}+{n * n}$?", "answer": str(n + n * n)} for n in range(3, 3 + EASY)]
    held = written("held.jsonl", [{"question": row["question"]} for row in hard[:HELD]])
    given = {
        "name": "own",
        "sources": [
            {"name": "contests", "path": written("hard.jsonl", hard), "licence": "MIT"},
            {"name": "sums", "path": written("easy.jsonl", easy), "licence": "MIT"},
        ],
        "endpoints": {"rehearsal": {"kind": "rehearsal"}},
        "roles": {
            role: {"endpoint": "rehearsal", "model": f"rehearsal/{role}", "revision": "1"}
            for role in ("judge", "rater")
        },
        "stages": [
            {"stage": "decontaminate", "benchmarks": [{"name": "held", "path": held}], "k": 1},
            {"stage": "rate", "samples": RATINGS, "gate": GATE},
        ],
        "shards": 2,
        "trial": None,
    }
    made = tmp_path / "own.yaml"
    made.write_text(yaml.safe_dump(given), encoding="utf-8")
    return made


def said(*words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "flows", *words, "--json"],
        cwd=REPOSITORY, env=dict(os.environ), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_a_sample_tells_sources_apart_and_the_whole_run_finds_its_replies(
    tmp_path: Path, recipe: Path, prefect: None
) -> None:
    root, page = str(tmp_path / "root"), tmp_path / "sources.html"
    threads = ("--root", root, "--runner", "threads")
    contests, sums = said("profile", str(recipe), "--sample", str(SAMPLE), "--page", str(page), *threads)
    assert (contests["rows"], sums["rows"]) == (HARD, EASY)
    hard, easy = contests["sample"], sums["sample"]
    assert (hard["rows"], hard["pool"], easy["rows"], easy["pool"]) == (HARD, HARD, EASY, EASY)

    assert hard["contaminated"]["low"] < HELD / HARD < hard["contaminated"]["high"]
    assert easy["contaminated"]["low"] < 0.01
    assert hard["difficulty"]["low"] > easy["difficulty"]["high"]
    assert sum(hard["difficulties"].values()) == HARD - HELD
    assert sum(easy["difficulties"].values()) == EASY

    before = said("spend", "--root", root, "--by", "source")
    paid = {line["group"]: line["microusd"] / 1_000_000 for line in before["lines"]}
    [sample] = said("status", "--root", root)
    accepted = next(step["kept"] for step in sample["funnel"] if step["stage"] == "rate")  # contests all
    assert 0 < accepted < HARD - HELD
    each = 1000 * paid["contests"] / accepted  # all of its problems are in the sample, so nothing is left to guess
    assert (hard["usd_per_thousand"]["low"], hard["usd_per_thousand"]["high"]) == pytest.approx((each, each))
    assert max(map(float, easy["difficulties"])) < GATE
    assert easy["usd_per_thousand"] is None  # none was accepted, so nobody can say what one costs

    text = page.read_text(encoding="utf-8")
    assert all(word in text for word in ("contests", "sums", "USD for 1,000 accepted", "<img", "A rehearsal"))
    assert "<script" not in text

    said("run", str(recipe), *threads)
    after = said("spend", "--root", root, "--by", "source")
    assert after["microusd"] == before["microusd"]
    assert sum(line["replies"] for line in after["lines"]) == sum(line["replies"] for line in before["lines"])


def test_a_sample_without_a_root_is_not_begun(recipe: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows", "profile", str(recipe), "--sample", "3"],
        cwd=REPOSITORY, env=dict(os.environ), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--root" in done.stderr
