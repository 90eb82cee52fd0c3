"""Raters beside problems of known level: agreement, calibration, and the correction that may be applied."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.models.prompt import Prompt, Reply
from tasks.rate.agreement import agreement
from tasks.rate.calibration import calibration, fitted
from tasks.rate.correction import Correction
from tasks.rate.rating import Settings, decide, identity
from tasks.rate.stopping import certain_drop
from tasks.rows.verdict import Decision, Verdict

half_steps = st.integers(2, 20).map(lambda halves: halves / 2)
KIND = Correction(mean=(2, 4, 8), level=(2.5, 5.5, 8))


@st.composite
def corrections(draw: st.DrawFn) -> Correction:
    means = sorted(draw(st.sets(st.integers(4, 40), min_size=1, max_size=5)))
    levels = sorted(draw(st.lists(st.integers(4, 40), min_size=len(means), max_size=len(means))))
    return Correction(mean=tuple(one / 4 for one in means), level=tuple(one / 4 for one in levels))


def decided(ratings: list[float], values: Settings) -> tuple[Decision, int]:
    asked: list[int] = []

    async def ask(prompt: Prompt, *, sample: int = 0) -> Reply:
        asked.append(sample)
        said = json.dumps({"summary": "s", "reason": "r", "rating": ratings[sample]})
        return Reply(key=f"{sample}", content=said, reasoning="", finish_reason="stop", model="rater")

    return asyncio.run(decide({"problem_id": "p", "question": "Find n."}, ask, values)), len(asked)


def test_a_correction_decides_and_the_ratings_stay_as_they_were_given() -> None:
    decision, _ = decided([4.0] * 6, Settings(correction=KIND))
    assert decision.verdict is Verdict.KEEP
    assert (decision.columns["difficulty"], decision.columns["ratings"]) == (5.5, [4.0] * 6)
    assert decided([4.0] * 6, Settings())[0].verdict is Verdict.DROP
    assert identity(Settings(correction=KIND)) != identity(Settings()) == identity(Settings(correction=None))


@settings(max_examples=50)
@given(st.lists(half_steps, min_size=6, max_size=6), corrections(), st.sampled_from([2.0, 5.0, 7.25]))
def test_exact_decides_as_off_does_under_any_correction(
    ratings: list[float], correction: Correction, gate: float
) -> None:
    off, _ = decided(ratings, Settings(gate=gate, correction=correction))
    exact, asked = decided(ratings, Settings(gate=gate, correction=correction, stopping="exact"))
    assert (exact.verdict, exact.reason) == (off.verdict, off.reason)
    assert asked == 6 or not any(certain_drop(ratings[:n], 6, gate, correction) for n in range(4, asked))
    if off.verdict is Verdict.KEEP:
        assert exact == off


@given(corrections(), half_steps)
def test_the_least_mean_for_a_level_is_the_least(correction: Correction, level: float) -> None:
    least = correction.least(level)
    if least <= 10:
        assert correction.of(least) >= level
        assert least == 1 or correction.of(least - 0.001) < level
    else:
        assert correction.of(10) < level


def test_statistical_goes_by_the_corrected_gate() -> None:
    values = Settings(stopping="statistical", audit=0, correction=KIND)
    assert KIND.least(5.0) == pytest.approx(3.667, abs=0.001)
    assert decided([5.0] * 6, values)[1] == 3
    assert decided([3.5, 4, 3.5, 4, 3.5, 4], values)[1] == 6


@pytest.mark.parametrize(
    ("mean", "level"), [((1, 1), (1, 2)), ((1, 2), (2, 1)), ((1, 2), (2,)), ((), ()), ((1,), (float("nan"),))]
)
def test_what_falls_or_does_not_fit_is_no_correction(mean: tuple[float, ...], level: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        Correction(mean=mean, level=level)


def test_agreement_is_the_textbooks() -> None:
    """The data of Shrout and Fleiss (1979), table 2: ICC(1,1) = .17, ICC(1,4) = .44."""
    rows = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    told = agreement(rows)
    assert told.one_rating == pytest.approx(0.166, abs=0.001)
    assert told.mean_rating == pytest.approx(0.443, abs=0.001)
    assert told.spread == pytest.approx(6.264**0.5, abs=0.001)


def test_agreement_of_nothing_is_unknown() -> None:
    assert agreement([]).one_rating is None
    assert agreement([[5]]).problems == 0
    assert agreement([[5, 6]]).one_rating is None
    assert agreement([[5, 5], [5, 5]]).one_rating is None


def test_a_rater_that_is_one_too_high_is_found_and_mended() -> None:
    rng = random.Random(3)
    levels = [rng.choice([1, 2, 3, 4, 5, 6, 7, 8]) for _ in range(400)]
    points = [(level + 1 + rng.gauss(0, 0.3), float(level)) for level in levels]
    for fit in ("linear", "isotonic"):
        told = calibration(points, 5.0, fit)
        assert told.bias == pytest.approx(1, abs=0.06)
        assert told.spread == pytest.approx(0.3, abs=0.05)
        assert told.rank_correlation is not None and told.rank_correlation > 0.97
        assert told.error is not None and told.corrected_error is not None
        assert told.corrected_error < told.error / 3
        assert told.correction is not None and told.correction.of(6.0) == pytest.approx(5, abs=0.25)
        assert told.gate_agreement is not None and told.corrected_gate_agreement is not None
        assert told.corrected_gate_agreement > told.gate_agreement
        assert list(told.bias_by_level) == list("12345678")


def test_a_rater_that_only_guesses_gains_nothing() -> None:
    rng = random.Random(5)
    points = [(rng.uniform(1, 10), rng.uniform(1, 10)) for _ in range(300)]
    told = calibration(points, 5.0)
    assert told.rank_correlation is not None and abs(told.rank_correlation) < 0.2
    assert told.corrected_error is not None and told.corrected_error > 1.8


def test_too_few_problems_fit_nothing() -> None:
    told = calibration([(5.0, 4.0)] * 9, 5.0)
    assert (told.bias, told.correction, told.rank_correlation) == (1.0, None, None)
    assert calibration([], 5.0).bias is None


@settings(max_examples=20)
@given(
    st.lists(st.tuples(half_steps, half_steps), min_size=10, max_size=40).filter(lambda p: len({m for m, _ in p}) > 1)
)
def test_what_is_fitted_is_always_a_correction(points: list[tuple[float, float]]) -> None:
    for fit in ("linear", "isotonic"):
        line = fitted(points, fit)
        assert all(1 <= level <= 10 for level in line.level)


@pytest.mark.labelled
def test_a_simulated_rater_of_omni_maths_problems(labelled_data: Path) -> None:
    """One that squeezes the scale to the middle, as raters do, is measured so, and corrected nearer to the levels."""
    lines = (labelled_data / "raw" / "omni_math.jsonl").read_text("utf-8").splitlines()
    rng = random.Random(11)
    levels = [json.loads(line)["difficulty"] for line in lines]
    points = [(min(10.0, max(1.0, 5 + 0.6 * (level - 5) + rng.gauss(0, 0.4))), level) for level in levels]
    told = calibration(points, 5.0)
    assert told.bias_by_level["1"] > 1 > -1 > told.bias_by_level["8"]
    assert told.error is not None and told.corrected_error is not None and told.corrected_error < told.error
