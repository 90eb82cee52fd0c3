"""The funnel adds up over shards, and a row that is lost between two stages is found."""

from itertools import pairwise

import pytest

from tasks.errors import ConservationError
from tasks.report.funnel import FunnelStep, funnel
from tasks.rows.manifest import Manifest


def manifest(
    stage: str, shard: str, rows_in: int, dropped: dict[str, int], aside: dict[str, int] | None = None
) -> Manifest:
    kept = rows_in - sum(dropped.values()) - sum((aside or {}).values())
    return Manifest(
        stage=stage, fingerprint="f", shard=shard, upstream="u", rows_in=rows_in, kept=kept, dropped=dropped,
        quarantined=aside or {}, files={},
    )  # fmt: skip


INTAKE = manifest("collect", "intake", 20, {"empty": 2}, {"unreadable": 1})


def chains() -> list[list[Manifest]]:
    return [
        [
            INTAKE,
            manifest("screen", "1", 10, {"proof": 3}, {"unreadable_reply": 1}),
            manifest("rate", "1", 6, {"too_easy": 4}),
        ],
        [INTAKE, manifest("screen", "2", 7, {"proof": 1, "yes_no": 2}), manifest("rate", "2", 4, {})],
    ]


def test_each_stage_is_the_sum_of_its_shards() -> None:
    steps = funnel(chains(), [INTAKE], manifest("publish", "all", 6, {"duplicate_question": 1}))
    assert steps == [
        FunnelStep(
            stage="collect", shards=1, rows_in=20, kept=17, dropped={"empty": 2}, quarantined={"unreadable": 1}
        ),
        FunnelStep(
            stage="screen",
            shards=2,
            rows_in=17,
            kept=10,
            dropped={"proof": 4, "yes_no": 2},
            quarantined={"unreadable_reply": 1},
        ),
        FunnelStep(stage="rate", shards=2, rows_in=10, kept=6, dropped={"too_easy": 4}, quarantined={}),
        FunnelStep(stage="publish", shards=1, rows_in=6, kept=5, dropped={"duplicate_question": 1}, quarantined={}),
    ]


def test_what_each_stage_kept_is_what_the_next_one_got() -> None:
    steps = funnel(chains(), [INTAKE], manifest("publish", "all", 6, {}))
    assert all(before.kept == after.rows_in for before, after in pairwise(steps))


def test_a_row_lost_within_a_shard_is_found_even_if_the_sums_agree() -> None:
    made = chains()
    made[0][2] = manifest("rate", "1", 5, {})
    made[1][2] = manifest("rate", "2", 5, {})
    with pytest.raises(ConservationError, match="rate of 1 got 5 rows, but the stage before kept 6"):
        funnel(made, [INTAKE], None)


def test_a_row_lost_between_collect_and_the_shards_is_found() -> None:
    made = chains()
    made[1] = [INTAKE, manifest("screen", "2", 6, {})]
    with pytest.raises(ConservationError, match="screen got 16 rows, but the stage before kept 17"):
        funnel(made, [INTAKE], None)


def test_a_row_lost_on_the_way_to_publish_is_found() -> None:
    with pytest.raises(ConservationError, match="publish got 5 rows"):
        funnel(chains(), [INTAKE], manifest("publish", "all", 5, {}))


def test_a_running_run_is_counted_as_far_as_it_is() -> None:
    made = [chains()[0], [INTAKE]]
    assert [(step.stage, step.shards, step.rows_in) for step in funnel(made, [INTAKE], None)] == [
        ("collect", 1, 20),
        ("screen", 1, 10),
        ("rate", 1, 6),
    ]


def test_two_intakes_are_one_step_and_nothing_else_is_needed() -> None:
    (step,) = funnel([], [INTAKE, manifest("collect", "intake-2", 5, {"duplicate_exact": 5})], None)
    assert (step.shards, step.rows_in, step.kept) == (2, 25, 17)
    assert step.dropped == {"duplicate_exact": 5, "empty": 2}
