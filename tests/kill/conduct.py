"""Kill and start again until a run has finished."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.kill.plan import Kill, Victim
from tests.kill.processes import is_agent, left_over, marked
from tests.kill.scene import Scene

_log = logging.getLogger("kill")
LIFE_SECONDS = 600
"""A flow that has run longer than this without being killed hangs."""
ORPHAN_SECONDS = 30
"""How long what a flow process had started may outlive it, but for Ray's agents."""


@dataclass(kw_only=True)
class Tale:
    """What happened between a run's first start and its end."""

    killed: Counter[Victim] = field(default_factory=Counter)
    starts: int = 0
    endings: list[str] = field(default_factory=list)
    """The last words of the starts that failed without being killed themselves."""
    faults: list[str] = field(default_factory=list)
    finished: bool = False


def disturb(scene: Scene, plan: Iterator[Kill], most: int, deadline: float = float("inf")) -> Tale:
    """Start the flow again and again until it finishes, killing by `plan`: `most` times at most.

    No kill comes after `deadline`, which is of `time.monotonic`. A flow that hangs is a fault, and the tale's end.
    """
    tale = Tale()
    due = next(plan)
    while True:
        scene.serve()
        scene.flow.start()
        tale.starts += 1
        _log.info("start %d of this run", tale.starts)
        began = time.monotonic()
        while scene.flow.running and tale.killed.total() < most and time.monotonic() < deadline:
            if _strike(scene, due):
                tale.killed[due.victim] += 1
                began, due = time.monotonic(), next(plan)
        _await_end(scene, began + LIFE_SECONDS)
        ended = scene.flow.ended
        if ended is None:
            tale.faults.append(f"the flow hung; its log is {scene.flow.log}")
            return tale
        left = left_over(scene.flow_mark, ORPHAN_SECONDS)
        tale.faults += [f"outlived the flow by {ORPHAN_SECONDS} seconds: {words[:120]}" for words in left]
        if ended == 0:
            tale.finished = True
            return tale
        if ended != -signal.SIGKILL:
            tale.endings.append(_last_words(scene, ended))


def _strike(scene: Scene, kill: Kill) -> bool:
    """Wait for the moment, then kill; False if the flow ended first. A server that was killed is started again."""
    moment, end = _Moment(scene, kill), time.monotonic() + LIFE_SECONDS
    while not moment.has_come() or (victim := _find(scene, kill.victim)) is None:
        if not scene.flow.running or time.monotonic() > end:
            return False
        time.sleep(0.05)
    _log.info("killing the %s after %d replies", kill.victim, scene.served())
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    if kill.victim is Victim.FLOW:
        scene.flow.kill()
    elif kill.victim in (Victim.MODELS, Victim.PREFECT):
        time.sleep(kill.away)
        scene.serve()
    return True


class _Moment:
    """When a kill is due: early in a start, or among requests, or some time after the last of them."""

    def __init__(self, scene: Scene, kill: Kill) -> None:
        self._scene, self._kill = scene, kill
        self._first = self._last = scene.served()
        self._since = time.monotonic()

    def has_come(self) -> bool:
        served, now = self._scene.served(), time.monotonic()
        waited = now - self._since
        if self._kill.early:
            return waited >= self._kill.seconds
        if served != self._last:
            self._last, self._since = served, now
        return served >= self._first + self._kill.served or (served > self._first and waited >= self._kill.seconds)


def _find(scene: Scene, victim: Victim) -> int | None:
    """The process to kill, if it lives. Of Ray's workers one that works on a shard."""
    if victim is Victim.WORKER:
        of_ray = ((pid, words) for pid, words in marked(scene.flow_mark) if words.startswith("ray::"))
        return next((pid for pid, words in of_ray if not is_agent(words) and not words.startswith("ray::IDLE")), None)
    if victim is Victim.RAYLET:
        return next((pid for pid, words in marked(scene.flow_mark) if "/raylet/raylet " in words), None)
    return {Victim.FLOW: scene.flow, Victim.MODELS: scene.models, Victim.PREFECT: scene.prefect}[victim].pid


def _await_end(scene: Scene, deadline: float) -> None:
    while scene.flow.running and time.monotonic() < deadline:
        time.sleep(0.1)


def _last_words(scene: Scene, ended: int) -> str:
    lines = scene.flow.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"exit {ended}: " + " / ".join(lines[-3:])[-400:]
