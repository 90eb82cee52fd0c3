"""The cost model gives the paper's counts, brackets its bill, and prices what each switch saves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.__main__ import app
from flows.estimate import ALIKE, compared, estimated, steps
from flows.recipe import load
from tasks.errors import RecipeError
from tasks.estimate.assumptions import assumptions

PAPER, RECOMMENDED = load("paper"), load("recommended")
SHARES = (0.2, 0.5, 0.8)
POOL = 2_869_000


@pytest.mark.parametrize("share", SHARES)
def test_the_papers_counts_whatever_the_filter_took(share: float) -> None:
    found = estimated(PAPER, filtered=share, rewrite_repeats=0.0)
    assert found.rows == POOL
    kept = {one.stage: round(one.rows_out.middle) for one in found.stages if one.stage != "decontaminate"}
    assert found.stages[0].rows_out.middle == pytest.approx(2_670_000)
    assert kept["rate"] == 1_090_000
    assert kept["verify"] == pytest.approx(95_000, abs=1)
    ratings = next(one for one in found.stages if one.stage == "rate").requests
    assert (ratings.low, ratings.high) == pytest.approx((16_020_000, 16_020_000))


def test_the_papers_bill_lies_within() -> None:
    told = assumptions().published
    at = {share: estimated(PAPER, filtered=share) for share in SHARES}
    assert all(one.usd.holds(told.usd) for one in at.values())
    assert at[0.2].gpu_hours.holds(told.gpu_hours)
    assert at[0.8].gpu_hours.high < told.gpu_hours  # a filter that takes most leaves too little to solve


def test_the_recommended_recipe_costs_less_for_the_same_rows() -> None:
    lines = {one.what: one for one in compared(RECOMMENDED, PAPER, POOL).lines}
    as_it_is, online = lines["as it is, at paper's prices"], lines["online, at paper's prices"]
    assert as_it_is.usd
    assert online.usd
    assert as_it_is.usd.middle < 0.35
    assert online.usd.middle < 0.60
    assert lines["as it is"].usd.middle < 0.05  # type: ignore[union-attr]
    assert as_it_is.gpu_hours
    assert as_it_is.gpu_hours.middle < 0.65


def test_every_switch_that_is_on_is_named_and_saves() -> None:
    found = {one.switch: one for one in estimated(RECOMMENDED).savings}
    assert set(found) == {
        "screen.rules: True", "decontaminate.orders: second_if_needed", "decontaminate.similarity_floor: 0.35",
        "decontaminate.first: together",
        "rate.stopping: statistical", "solve.sampling: lazy", "endpoints.openai.lane: batch", "screen before rate",
    }  # fmt: skip
    assert all(one.usd > 0 or one.gpu_hours > 0 for one in found.values())
    assert found["solve.sampling: lazy"].gpu_hours > 1_000
    assert estimated(PAPER).savings == []


def test_the_same_estimate_twice_and_in_proportion_to_rows() -> None:
    assert estimated(PAPER) == estimated(PAPER)
    small = estimated(PAPER, rows=POOL // 10)
    assert small.usd.middle == pytest.approx(estimated(PAPER).usd.middle / 10)


def test_a_row_waits_for_a_batch_as_often_as_its_next_questions_depend_on_answers() -> None:
    assert [one.server.batches for one in steps(RECOMMENDED) if one.server] == [2, 0, 2, 0, 1]
    one_by_one = RECOMMENDED.model_copy(
        update={"stages": [
            one.model_copy(update={"settings": {**one.settings, "further": 1}}) if one.stage == "rate" else one
            for one in RECOMMENDED.stages
        ]}
    )  # fmt: skip
    assert [one.server.batches for one in steps(one_by_one) if one.stage == "rate" and one.server] == [4]


def test_rows_that_nobody_knows_must_be_said() -> None:
    with pytest.raises(RecipeError, match="champ, forum"):
        estimated(load("demo"))
    assert estimated(load("demo"), rows=1000).rows == 1000
    assert estimated(load("smoke")).rows == 100
    with pytest.raises(KeyError, match="no assumptions"):
        estimated(PAPER, filtred=0.5)


@pytest.mark.parametrize("way", [[], ["--json"]])
def test_the_command_prints_funnel_costs_and_every_assumption(way: list[str]) -> None:
    done = CliRunner().invoke(app, ["estimate", "recommended", "--against", "paper", *way])
    assert done.exit_code == 0, done.output
    if way:
        said: dict[str, Any] = json.loads(done.stdout)
        assert said["estimate"]["rows"] == POOL
        assert said["against"]["other"] == "paper"
        lines = {line["what"]: line["gpu_hours"] for line in said["against"]["lines"]}
        assert lines[ALIKE]["high"] < lines["as it is"]["high"]  # independent answers are what saves least
        assert lines[ALIKE]["middle"] < 0.6 < lines["as it is"]["middle"]
    else:
        words = done.output
        assert all(name in words for name in assumptions().ranges)
        assert all(name in words for name in ("solve", "$138,000", "127,000", "solve.sampling: lazy"))
