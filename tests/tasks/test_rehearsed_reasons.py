"""Stages that judge, run on rehearsal models that misbehave: every reason of every stage is met, and every re-ask."""

from __future__ import annotations

import json
from collections.abc import Iterator

import polars as pl
import pytest
import yaml

from flows.plan import Plan
from flows.ratings import ratings
from flows.release import release
from flows.stages import PUBLISH
from tasks import world
from tasks.classify import task as classify
from tasks.classify import topics
from tasks.models.endpoint import Endpoint
from tasks.models.prices import table as price_table
from tasks.models.request import Model
from tasks.rate import rating
from tasks.rate import task as rate
from tasks.rows import manifest as manifests
from tasks.rows import shards
from tasks.rows.manifest import Manifest
from tasks.screen import screening
from tasks.screen import task as screen
from tasks.screen.reasons import Reason
from tasks.stage import plan
from tasks.world import Where
from tests.tasks.intake import collected
from tests.tasks.models.rehearsal.test_rehearsal_server import server

pytestmark = [pytest.mark.slow]
ROLES = ("screener", "converter", "rater", "topic")
MODELS = {role: Model(name=f"rehearsal/{role}", revision="1") for role in ROLES}
FAULTS = {"seed": 4, "shares": {"refusal": 0.12, "length": 0.12}}
"""Replies that are no answer, by chance, so that some rows get one on the second try and some do not."""
POSTS: list[tuple[str, str | None]] = [
    ("?", None),
    ("[deleted]", None),
    ("Soit n un entier tel que les diviseurs de n sont premiers. Trouver n pour que la somme soit 10.", None),
    (r"Find $\frac{1}{2$ of $x^{2}$ where $x = 4", "8"),
    ("In the figure below, find the area of the shaded triangle.", None),
    ("Using the result of the previous exercise, find f(3).", "4"),
    ("Thanks everybody, I understand it now.", None),
    ("(a) Find the derivative of $x^2$. (b) Find the integral of $x^2$.", None),
    ("Prove that $n^5 - n$ is divisible by 30 for every integer n.", None),
    ("Find x such that $2x + 3 = 11$. The answer is 4.", "4"),
    ("Explain the intuition behind compactness.", None),
    ("Find the integer n with n > 9 and n < 5.", None),
    ("Is $2^{67} - 1$ a prime number?", "No"),
    ("Which of the following statements is true? (A) 2 < 1 (B) 1 < 2 (C) 3 < 1", "B"),
    ("What is 2 + 3? (A) 4 (B) 5 (C) 6", "B"),
    ("How many people of 1324 can be hit by 7 grenades that kill 5 each?", "35"),
    ("Hello! 24 people stand in 3 rows. How many people stand in each row? Please help!!", "8"),
    ("Find the fewest crossings of a knot with 12 arcs. Of knots with 12 arcs each crossing ends 2 arcs.", "6"),
    ("Find the fewest crossings of a knot with 15 arcs. Of knots with 15 arcs each crossing ends 3 arcs.", "5"),
    ("My teacher has 12 equal coins and 4 boxes: in how many ways can the coins be put into the boxes?", "455"),
    ("My teacher has 11 equal coins and 3 boxes: in how many ways can the coins be put into the boxes?", "78"),
    *((f"Find the number of integers n with 1 <= n <= {1000 + 7 * i} for which n^2 + {i} is divisible by 11.", None)
      for i in range(2, 50)),
]  # fmt: skip


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Where]:
    folder = tmp_path_factory.mktemp("rehearsed")
    faults = folder / "faults.yaml"
    faults.write_text(yaml.safe_dump(FAULTS), encoding="utf-8")
    with server(folder / "journal.jsonl", "--faults", str(faults)) as (address, _):
        yield Where(
            root=str(folder / "root"),
            run="r",
            endpoints={"here": Endpoint(address=address, concurrency=8)},
            routes=dict.fromkeys(ROLES, "here"),
            prices=dict(price_table().models),
        )


@pytest.fixture(scope="module")
def intake(where: Where) -> Manifest:
    return collected(where, (json.dumps({"question": text, "answer": answer}).encode() for text, answer in POSTS))


def brought(where: Where, stage: object, planned: object, chain: list[Manifest]) -> Manifest:
    """A stage's task on the one shard there is, without Prefect around it."""
    [shard] = shards.plan(chain[0].digest, 1)
    return stage.fn(planned, shard, chain, where).data  # type: ignore[attr-defined, no-any-return]


SCREEN = plan(screen.STAGE, screening.Settings(convert=True), MODELS, "u")
RATE = plan(rate.STAGE, rating.Settings(stopping="statistical", audit=0.5), MODELS, "u")


@pytest.fixture(scope="module")
def screened(where: Where, intake: Manifest) -> Manifest:
    return brought(where, screen.screen, SCREEN, [intake])


@pytest.fixture(scope="module")
def rated(where: Where, intake: Manifest, screened: Manifest) -> Manifest:
    return brought(where, rate.rate, RATE, [intake, screened])


def reasons(manifest: Manifest) -> set[str]:
    return set(manifest.dropped) | set(manifest.quarantined)


def verdicts(where: Where, manifest: Manifest) -> pl.DataFrame:
    return manifests.read(world.storage(where.root), manifest)


def test_screening_gives_every_reason_it_has(where: Where, screened: Manifest) -> None:
    assert reasons(screened) == {str(one) for one in Reason}
    rows = verdicts(where, screened)
    assert set(rows["screened_by"]) == {"rules", "model"}
    again = rows.filter(pl.col("verdict") == "keep", pl.col("screen_keys").list.len() > 1)
    assert again.filter(pl.col("converted_from").is_null()).height > 0


def test_a_choice_is_kept_as_an_open_question(where: Where, screened: Manifest) -> None:
    converted = verdicts(where, screened).filter(pl.col("verdict") == "keep", pl.col("converted_from").is_not_null())
    assert converted.select("question", "source_answer", "converted_from").rows() == [
        ("What is 2 + 3?", "5", "multiple_choice")
    ]


def test_rating_gives_every_reason_it_has(where: Where, rated: Manifest) -> None:
    assert reasons(rated) == {str(one) for one in rating.Reason}
    assert rated.kept > 0
    rows = verdicts(where, rated).filter(pl.col("verdict") != "quarantine")
    assert set(rows["rating_audited"]) == {True, False}
    lines = manifests.read(world.storage(where.root), rated, "ratings")
    assert lines.filter(pl.col("fault").is_null(), pl.col("keys").list.len() == 2).height > 0
    assert lines.filter(pl.col("fault").is_not_null()).height > 0


def test_what_stopping_early_got_wrong_stands_in_the_card(where: Where, intake: Manifest, rated: Manifest) -> None:
    run = Plan(
        run="r", recipe="r", sources=[], models=MODELS, intakes=[intake], shards=shards.plan(intake.digest, 1),
        stages=[SCREEN, RATE], publish=plan(PUBLISH.stage, PUBLISH.stage.settings(), MODELS, "u"),
    )  # fmt: skip
    found = ratings(world.storage(where.root), run)
    assert found.audit is not None
    assert found.audit.rows == rated.rows_in - rated.quarantined["unreadable_reply"]
    assert found.audit.stopped > 0 < found.audit.audited
    [limit] = release(run, where).limits
    assert limit.startswith(f"Ratings stopped early for {found.audit.stopped} of {found.audit.rows} rated problems")


def test_classifying_gives_every_reason_it_has(where: Where, intake: Manifest, screened: Manifest) -> None:
    planned = plan(classify.STAGE, topics.Settings(), MODELS, "u")
    done = brought(where, classify.classify, planned, [intake, screened])
    assert reasons(done) == {str(one) for one in topics.Reason}
    assert done.kept > 0
