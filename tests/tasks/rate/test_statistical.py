"""`statistical` early stopping: when it stops, that its bound holds for simulated raters, and how that is audited."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from pathlib import Path
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.prompt import Prompt, Reply
from tasks.rate.audit import audit, upper_limit, words
from tasks.rate.rating import Settings, decide, identity
from tasks.rate.saving import expected, statistical
from tasks.rate.stopping import FIRST_LOOK, audited, certain_drop, chance_of_another, settled
from tasks.rows.verdict import Decision, Verdict

half_steps = st.integers(2, 20).map(lambda halves: halves / 2)
SETTINGS = Settings(stopping="statistical", audit=0)


def decided(ratings: list[float | None], settings: Settings = SETTINGS, problem: str = "p") -> tuple[Decision, int]:
    """The real decision on a problem whose sample k is rated `ratings[k]`, and how many samples were asked."""
    asked: set[int] = set()

    async def ask(prompt: Prompt, *, sample: int = 0) -> Reply:
        asked.add(sample)
        value = ratings[sample]
        said = "no" if value is None else json.dumps({"summary": "s", "reason": "r", "rating": value})
        return Reply(key=f"{sample}", content=said, reasoning="", finish_reason="stop", model="rater")

    return asyncio.run(decide({"problem_id": problem, "question": "Find n."}, ask, settings)), len(asked)


@given(st.lists(half_steps, min_size=6, max_size=6))
def test_it_stops_at_the_first_look_that_settles_and_says_what_the_ratings_so_far_say(ratings: list[float]) -> None:
    ends = (n for n in range(3, 6) if settled(ratings[:n], 6, 5.0, SETTINGS.spread, SETTINGS.chance))
    stop = next(ends, 6)
    decision, asked = decided(list(ratings))
    assert asked == stop
    assert decision.columns["ratings"] == ratings[:stop]
    assert (decision.verdict is Verdict.KEEP) == (fmean(ratings[:stop]) >= 5.0)
    if decision.verdict is Verdict.KEEP:
        assert decision.columns["difficulty"] == fmean(ratings[:stop])
    elif stop < 6:
        assert decision.columns["difficulty"] is None


@given(st.lists(half_steps, min_size=3, max_size=5), st.floats(0.1, 2), st.sampled_from([3.0, 5.0, 7.25]))
def test_the_chance_falls_with_the_distance_from_the_gate(ratings: list[float], spread: float, gate: float) -> None:
    here = chance_of_another(ratings, 6, gate, spread)
    away = 0.5 if fmean(ratings) >= gate else -0.5
    assert 0 <= chance_of_another([one + away for one in ratings], 6, gate, spread) <= here <= 0.5
    assert here <= chance_of_another(ratings, 6, gate, 2 * spread)


@given(st.lists(half_steps, min_size=3, max_size=5))
def test_what_exact_stops_statistical_stops_too_and_never_before_three(ratings: list[float]) -> None:
    assert settled(ratings, 6, 5.0, 0.65, 0.01) or not certain_drop(ratings, 6, 5.0)
    assert not settled(ratings[:2], 6, 5.0, 0.65, 0.4)


def test_raters_that_disagree_are_asked_all() -> None:
    assert decided([5, 4.5, 5.5, 4.5, 5.5, 5])[1] == 6
    assert decided([2, 8, 2, 8, 2, 8])[1] == 6
    assert decided([2, 2.5, 2, 9, 9, 9])[1] == FIRST_LOOK


def test_an_unreadable_rating_is_no_verdict() -> None:
    decision, asked = decided([2, 2, None, 2, 2, 2])
    assert (decision.verdict, asked) == (Verdict.QUARANTINE, 3)


def test_audited_problems_get_all_ratings_and_are_marked() -> None:
    settings = Settings(stopping="statistical", audit=0.3)
    for name in map(str, range(40)):
        decision, asked = decided([2.0] * 6, settings, name)
        assert decision.columns["rating_audited"] == audited(name, 0.3)
        assert asked == (6 if audited(name, 0.3) else 3)
    assert decided([2.0] * 6, Settings(stopping="exact"))[0].columns["rating_audited"] is None


def test_the_audit_sample_is_the_share_that_was_asked_for() -> None:
    names = [f"problem {i}" for i in range(20_000)]
    assert not any(audited(name, 0.0) for name in names)
    assert all(audited(name, 1.0) for name in names)
    assert sum(audited(name, 0.02) for name in names) == pytest.approx(400, abs=80)  # four standard deviations


def test_settings_of_statistical_bear_on_the_answer_only_where_it_is_asked_for() -> None:
    assert identity(Settings(chance=0.1, audit=0.5)) == identity(Settings())
    assert identity(Settings(stopping="statistical", chance=0.1)) != identity(Settings(stopping="statistical"))


def test_the_expected_numbers_are_those_of_simulated_ratings() -> None:
    stops, rng = statistical(Settings(spread=0.65, chance=0.05)), random.Random(7)
    rows = [simulated(4.25, 0.8, rng) for _ in range(4000)]
    ends = [next((n for n in range(1, 6) if stops(row[:n])), 6) for row in rows]
    flips = [(fmean(row[:n]) >= 5) != (fmean(row) >= 5) for row, n in zip(rows, ends, strict=True)]
    bought, flipped = expected(4.25, 0.8, stops)
    assert fmean(ends) == pytest.approx(bought, abs=4 * pstdev(ends) / 4000**0.5)
    assert fmean(flips) == pytest.approx(flipped, abs=4 * (flipped / 4000) ** 0.5)


def simulated(level: float, spread: float, rng: random.Random) -> list[float]:
    return [min(10.0, max(1.0, round(2 * rng.gauss(level, spread)) / 2)) for _ in range(6)]


def test_the_audit_counts_what_was_bought_and_what_stopping_would_have_got_wrong() -> None:
    lost, sound, let_in, near = [3, 3, 3, 8, 8, 8], [2] * 6, [7, 7, 7, 2, 2, 2], [5, 4.5, 5, 5, 5.5, 5]
    rows = [*((one, True) for one in (lost, sound, let_in, near)), *(([2, 2, 2], False) for _ in range(60))]
    told = audit(rows, SETTINGS)
    assert (told.rows, told.stopped, told.audited, told.would_stop) == (64, 60, 4, 3)
    assert (told.lost, told.let_in) == (1, 1)
    assert told.flipped == pytest.approx(60 * 2 / 3)
    assert told.saved == pytest.approx(1 - (24 + 180) / (64 * 6))
    assert told.flipped_at_most is not None and told.flipped < told.flipped_at_most <= 60
    assert words(told).startswith("Ratings stopped early for 60 of 64 rated problems: an estimated 40 of them")


def test_without_an_audit_sample_nobody_knows() -> None:
    told = audit([([2, 2, 2], False)], SETTINGS)
    assert (told.flipped, told.flipped_at_most, told.stopped) == (None, None, 1)
    assert words(told).endswith("none was audited.")


@pytest.mark.parametrize(("events", "trials"), [(0, 10), (3, 50), (20, 400)])
def test_the_upper_limit_is_where_so_few_events_have_a_chance_of_5_percent(events: int, trials: int) -> None:
    from math import comb

    p = upper_limit(events, trials)
    below = sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(events + 1))
    assert below == pytest.approx(0.05)


@pytest.mark.labelled
@pytest.mark.parametrize("chance", [0.05, 0.01])
def test_the_bound_holds_for_raters_like_omni_maths_levels(labelled_data: Path, chance: float) -> None:
    """Levels as Omni-MATH has them; ratings scatter as its levels do within one contest, from the closest contest to
    the widest, though stopping expects one spread of all."""
    lines = (labelled_data / "raw" / "omni_math.jsonl").read_text("utf-8").splitlines()
    levels, contests = [], defaultdict(list)
    for row in map(json.loads, lines):
        levels.append(row["difficulty"])
        contests[row["contest"]].append(row["difficulty"])
    spreads = sorted(pstdev(one) for one in contests.values() if len(one) >= 10)
    assert 0.3 < spreads[0] < SETTINGS.spread < spreads[-1] < 1.5
    rng, rows = random.Random(1), []
    for spread in spreads:
        rows += [simulated(level + rng.uniform(-0.25, 0.25), spread, rng) for level in rng.sample(levels, 200)]
    told = audit([(row, True) for row in rows], SETTINGS.model_copy(update={"chance": chance}))
    assert told.would_stop > 0.6 * len(rows)
    assert 0 < told.lost + told.let_in < chance * told.would_stop
