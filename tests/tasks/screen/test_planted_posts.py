"""The demo's planted rows: well formed, each with an expected fate, and the rules agree with the fates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.screen.rules import screen

ROOT = Path(__file__).parents[3]
LINES = (ROOT / "deployments/demo/forum_posts.jsonl").read_text("utf-8").splitlines()
FATES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "tests/demo_fates.yaml").read_text("utf-8"))

REASONS = {
    "collect": {"unreadable", "empty", "duplicate_exact", "duplicate_near"},
    "screen": {
        *("proof", "yes_no", "multiple_choice", "multi_part", "missing_image", "answer_leaked", "not_a_question"),
        *("not_self_contained", "unverifiable", "unreadable_reply", "rewrite_changed"),
    },
    "decontaminate": {"contaminated", "judge_unsure"},
    "rate": {"too_easy"},
    "solve": {"no_answer"},
    "verify": {"disagreement"},
    "publish": {None},
}


def posts() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(LINES, start=1):
        try:
            post = json.loads(line)
        except json.JSONDecodeError:
            found[f"line-{number:03d}"] = {}
        else:
            found[post["id"]] = post
    return found


POSTS = posts()
READABLE = [name for name, fate in FATES.items() if fate["stage"] != "collect"]


def test_every_line_has_one_fate_and_every_fate_a_line() -> None:
    assert len(POSTS) == len(LINES) >= 90
    assert list(POSTS) == list(FATES)
    assert sum(not post for post in POSTS.values()) == 1


def test_every_post_says_where_it_is_from() -> None:
    for post in filter(None, POSTS.values()):
        assert set(post) == {"id", "question", "answer", "url", "licence"}
        assert post["url"].startswith("https://example.org/")


def test_every_reason_is_met() -> None:
    met: dict[str, set[str | None]] = {}
    for fate in FATES.values():
        met.setdefault(fate["stage"], set()).add(fate["reason"])
    assert met == REASONS


@pytest.mark.parametrize("name", READABLE)
def test_a_rule_drops_only_what_screening_is_to_drop_and_for_that_reason(name: str) -> None:
    found = screen(POSTS[name]["question"], POSTS[name]["answer"])
    assert found is None or ("screen", str(found.reason)) == (FATES[name]["stage"], FATES[name]["reason"])
