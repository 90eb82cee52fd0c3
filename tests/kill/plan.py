"""Who is killed, and when: drawn from a seed, before anything has happened. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Victim(StrEnum):
    """What gets SIGKILL."""

    WORKER = "Ray worker"
    RAYLET = "raylet"
    FLOW = "flow process"
    MODELS = "rehearsal server"
    PREFECT = "Prefect server"


OF_RUNNER = {
    "ray": (Victim.WORKER, Victim.WORKER, Victim.MODELS, Victim.MODELS, Victim.FLOW, Victim.RAYLET, Victim.PREFECT),
    "threads": (Victim.FLOW, Victim.MODELS, Victim.MODELS, Victim.PREFECT),
}
"""Victims by task runner, each as often as it is to be drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill: once `served` more replies are on record, or when none has come for `seconds` since the first.

    An early one comes after `seconds`, whatever is served by then.
    """

    victim: Victim
    served: int
    seconds: float
    early: bool
    away: float
    """Seconds until a killed server is started again."""


def kills(seed: int, run: int, runner: str) -> Iterator[Kill]:
    """The kills of one run of a seed, without end: all victims in shuffled order, then all again."""
    random = Random(f"{seed}-{run}-{runner}")
    while True:
        victims = list(OF_RUNNER[runner])
        random.shuffle(victims)
        for victim in victims:
            yield Kill(
                victim=victim,
                served=random.randint(1, 40),
                seconds=random.uniform(1, 12),
                early=random.random() < 0.15,
                away=random.uniform(0, 1.5),
            )
