"""A Stack Exchange data dump in miniature, packed as the real ones are, from its posts to a published data set.

Its posts are recorded problems, so that the rehearsal's solver knows them, from every period of the site's licences.
"""

from __future__ import annotations

import html
import io
import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import polars as pl
import py7zr
import pytest

from flows import plan as plans
from flows.recipe import Recipe
from tasks.models.rehearsal.champ import problems
from tasks.report.fates import fates
from tasks.rows.storage import Storage
from tests.flows.bare import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PERIODS = {"2010-08-01": "CC-BY-SA-2.5", "2013-02-01": "CC-BY-SA-3.0", "2024-05-05": "CC-BY-SA-4.0"}
POSTS = 24
ROLES = ("screener", "judge", "rater", "solver", "topic")


def post(**attributes: Any) -> str:
    return f"  <row {' '.join(f'{name}={quoteattr(str(value))}' for name, value in attributes.items())} />\r\n"


def dump() -> str:
    """Questions with an accepted answer, a rejected one, and a tag wiki, as Posts.xml has them."""
    rows, days = [], list(PERIODS)
    for i, problem in enumerate(problems()[:POSTS]):
        own = {"CreationDate": f"{days[i % len(days)]}T10:00:00.000", "Score": i}
        body, gold = (
            f"<p>{html.escape(problem.text)}</p>",
            rf"<p>So it is $\boxed{{{html.escape(problem.gold)}}}$.</p>",
        )
        title = {"Title": "A question from a contest", "Tags": "<contest-math>", "AcceptedAnswerId": 1000 + i}
        rows.append(post(Id=i + 1, PostTypeId=1, Body=body, **own, **title))
        rows.append(post(Id=1000 + i, PostTypeId=2, ParentId=i + 1, Body=gold, **own))
        rows.append(post(Id=2000 + i, PostTypeId=2, ParentId=i + 1, Body="<p>I do not know.</p>", **own))
    rows.append(post(Id=9000, PostTypeId=5, CreationDate="2012-01-01T00:00:00.000", Body="a tag wiki"))
    return f'<?xml version="1.0" encoding="utf-8"?>\r\n<posts>\r\n{"".join(rows)}</posts>'


def recipe(folder: Path) -> Recipe:
    with py7zr.SevenZipFile(folder / "math.stackexchange.com.7z", "w") as archive:
        archive.writestr(dump(), "Posts.xml")
    known = {"name": "known", "path": str(folder / "known.jsonl")}
    Path(known["path"]).write_text(json.dumps({"question": problems()[3].text}) + "\n", encoding="utf-8")
    return Recipe.model_validate({
        "name": "dump",
        "sources": [{"name": "mse", "path": str(folder / "math.stackexchange.com.7z")}],
        "endpoints": {"here": {"kind": "rehearsal", "concurrency": 16}},
        "roles": {role: {"endpoint": "here", "model": f"rehearsal/{role}", "revision": "1"} for role in ROLES},
        "stages": [
            {"stage": "screen"},
            {"stage": "decontaminate", "benchmarks": [known], "k": 1, "orders": "one"},
            {"stage": "rate", "samples": 1, "gate": 1},
            {"stage": "solve", "max_tokens": 4096},
            {"stage": "verify"},
            {"stage": "classify"},
        ],
        "shards": 1,
        "trial": None,
    })  # fmt: skip


def test_posts_of_every_licence_period_become_a_data_set(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "root"))
    plan = run(recipe(tmp_path), storage.root, published=True)
    chains = plans.chains(storage, plan)
    last = plans.published(storage, plan, chains)
    assert last is not None
    rows = fates(storage, plan.intakes, chains, last)
    assert rows.height == POSTS
    fate = {row["source_id"]: (row["stage"], row["reason"]) for row in rows.iter_rows(named=True)}
    assert fate["4"] == ("decontaminate", "contaminated")
    ref = next(file for name, file in last.files.items() if name.startswith("dataset/full/"))
    released = pl.read_parquet(io.BytesIO(storage.read(ref.name)))
    kept = {identity for identity, (stage, reason) in fate.items() if (stage, reason) == ("publish", None)}
    assert set(released["source_id"]) == kept
    assert set(released["licence"]) == set(PERIODS.values())
    assert set(released["url"]) == {f"https://math.stackexchange.com/q/{identity}" for identity in kept}
