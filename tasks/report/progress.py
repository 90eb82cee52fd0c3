"""How far each stage is, how fast it goes and how long it has left. Pure.

A shard's rows count once its manifest is there. The rows of shards that have not come to a stage yet are taken to
be as many, on average, as those of the shards that have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.rows.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Where a stage stood when it was first looked at: the rate is measured from there."""

    at: float
    """Seconds on any steady clock."""
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress:
    """One stage of a run."""

    stage: str
    shards_done: int
    shards: int
    rows_done: int
    rows_expected: int
    rows_per_second: float | None
    """None until a shard has ended since the first look."""
    seconds_left: float | None

    @property
    def percent(self) -> float:
        """Of the shards."""
        return 100 * self.shards_done / self.shards if self.shards else 100.0


def progress(
    stages: Sequence[str], chains: Sequence[Sequence[Manifest]], paces: Mapping[str, Pace], now: float
) -> list[StageProgress]:
    """Every stage, in order. `chains` are per shard and begin with the shard's intake."""
    return [_stage(name, i + 1, chains, paces.get(name), now) for i, name in enumerate(stages)]


def _stage(
    name: str, place: int, chains: Sequence[Sequence[Manifest]], pace: Pace | None, now: float
) -> StageProgress:
    done = [chain[place].rows_in for chain in chains if len(chain) > place]
    rows, expected = sum(done), _expected(place, chains)
    rate = None
    if pace is not None and rows > pace.rows and now > pace.at:
        rate = (rows - pace.rows) / (now - pace.at)
    finished = len(done) == len(chains)
    return StageProgress(
        stage=name,
        shards_done=len(done),
        shards=len(chains),
        rows_done=rows,
        rows_expected=expected,
        rows_per_second=rate,
        seconds_left=0.0 if finished else max(0, expected - rows) / rate if rate else None,
    )


def _expected(place: int, chains: Sequence[Sequence[Manifest]]) -> int:
    """Rows that the stage will have had in the end. What the first stage gets of an intake is not known by shard."""
    known = [chain[place].rows_in for chain in chains if len(chain) > place]
    if place > 1:
        known += [chain[-1].kept for chain in chains if len(chain) == place]
    elif chains:
        return sum({chain[0].digest: chain[0].kept for chain in chains}.values())
    return round(sum(known) / len(known) * len(chains)) if known else 0


def first_looks(
    stages: Sequence[StageProgress], paces: Mapping[str, Pace], began: Sequence[str], now: float
) -> dict[str, Pace]:
    """The paces, with those stages added that have `began` and were not looked at before."""
    fresh = {one.stage: Pace(at=now, rows=one.rows_done) for one in stages if one.stage in began}
    return {**fresh, **paces}


def began(stages: Sequence[str], chains: Sequence[Sequence[Manifest]]) -> list[str]:
    """Stages that at least one shard has come to."""
    furthest = max((len(chain) for chain in chains), default=0)
    return list(stages[:furthest])


def words(one: StageProgress) -> str:
    """One stage on one line."""
    parts = [
        f"{one.stage}: {one.shards_done} of {one.shards} shards",
        f"{one.rows_done:,} of about {one.rows_expected:,} rows" if one.rows_expected else "no rows yet",
    ]
    if one.rows_per_second:
        parts.append(f"{one.rows_per_second:,.1f} rows a second")
    if one.seconds_left:
        parts.append(f"about {_time(one.seconds_left)} left")
    return ", ".join(parts)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
