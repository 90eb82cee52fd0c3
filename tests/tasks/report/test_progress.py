"""Progress: what is done, what is to come as far as it can be known, how fast, and how long still."""

from tasks.report.progress import Pace, began, first_looks, progress, words
from tasks.rows.manifest import Manifest

STAGES = ["screen", "rate"]


def manifest(stage: str, rows_in: int, kept: int) -> Manifest:
    return Manifest(
        stage=stage, fingerprint="f", shard="s", upstream="u", rows_in=rows_in, kept=kept,
        dropped={"no": rows_in - kept}, quarantined={}, files={},
    )  # fmt: skip


INTAKE = manifest("collect", 110, 100)


def test_rows_to_come_are_those_kept_before_or_as_many_as_elsewhere() -> None:
    chains = [
        [INTAKE, manifest("screen", 30, 20), manifest("rate", 20, 5)],
        [INTAKE, manifest("screen", 20, 10)],
        [INTAKE],
        [INTAKE],
    ]
    screen, rate = progress(STAGES, chains, {}, 0.0)
    assert (screen.shards_done, screen.shards, screen.rows_done, screen.rows_expected) == (2, 4, 50, 100)
    assert (rate.shards_done, rate.rows_done, rate.rows_expected) == (1, 20, 60)
    assert (screen.percent, rate.percent) == (50.0, 25.0)
    assert screen.rows_per_second is None and screen.seconds_left is None


def test_the_rate_is_measured_from_the_first_look() -> None:
    chains = [[INTAKE, manifest("screen", 60, 20)], [INTAKE]]
    one = progress(STAGES, chains, {"screen": Pace(at=10.0, rows=20)}, 30.0)[0]
    assert (one.rows_per_second, one.seconds_left) == (2.0, 20.0)
    assert words(one) == "screen: 1 of 2 shards, 60 of about 100 rows, 2.0 rows a second, about 20 s left"


def test_a_finished_stage_has_nothing_left() -> None:
    one = progress(["screen"], [[INTAKE, manifest("screen", 100, 20)]], {}, 1.0)[0]
    assert (one.percent, one.seconds_left) == (100.0, 0.0)


def test_a_stage_is_first_looked_at_when_a_shard_comes_to_it() -> None:
    chains = [[INTAKE, manifest("screen", 60, 20)], [INTAKE]]
    assert began(STAGES, [[INTAKE]]) == ["screen"]
    assert began(STAGES, chains) == ["screen", "rate"]
    looked = first_looks(
        progress(STAGES, chains, {}, 7.0), {"screen": Pace(at=1.0, rows=0)}, began(STAGES, chains), 7.0
    )
    assert looked == {"screen": Pace(at=1.0, rows=0), "rate": Pace(at=7.0, rows=0)}
