"""Rows, requests, tokens, dollars, card-hours and wall time of a pipeline, in each of many worlds. Pure.

A pipeline is a list of steps, in order; what a step keeps comes to the next. Steps are made from a recipe by
`flows.estimate`; the quantities of a world are `assumptions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.estimate.assumptions import Draws, Published
from tasks.estimate.figures import StageFigures, interval
from tasks.solve import saving

World = Mapping[str, Draws]
_GRID = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Who answers a step's requests. Prices in USD per million tokens; `cards` 0 for a hosted model; `batches` that a
    row waits for, one after the other, 0 where it is asked online.
    """

    input: float = 0.0
    cached_input: float = 0.0
    output: float = 0.0
    concurrency: int = 1
    batches: int = 0
    cards: int = 0
    replicas: int = 1
    card_usd: float = 0.0
    speed: str = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of a pipeline: its settings as far as they bear on what it takes."""

    stage: str
    server: Server | None = None
    rules: bool = False
    convert: bool = False
    k: int = 5
    second_order: str = "both"
    floor: bool = False
    together: bool = False
    repeated: bool = False
    after_screen: bool = False
    samples: int = 1
    stopping: str = "off"
    in_rounds: bool = False
    lazy: bool = False
    alike: bool = False
    """That a row's answers all agree or all differ; else they agree independently, and lazy sampling saves least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one step takes in each world."""

    step: Step
    rows_in: Draws
    rows_out: Draws
    requests: Draws
    input_tokens: Draws
    output_tokens: Draws
    usd: Draws
    gpu_hours: Draws
    hours: Draws

    def figures(self) -> StageFigures:
        """The same with intervals."""
        names = ("rows_in", "rows_out", "requests", "input_tokens", "output_tokens", "usd", "gpu_hours", "hours")
        return StageFigures(stage=self.step.stage, **{name: interval(getattr(self, name)) for name in names})


def run(steps: Sequence[Step], rows: int, world: World, published: Published) -> list[Taken]:
    """What each step takes, for a pool of `rows`."""
    left = np.full_like(next(iter(world.values())), rows)
    taken = []
    for step in steps:
        kept = left * _kept(step, world, published)
        taken.append(_taken(step, left, kept, world, published))
        left = kept
    return taken


def _kept(step: Step, world: World, published: Published) -> Draws | float:
    """The share of its rows that a step keeps. Stages are taken as independent, whatever their order."""
    if step.stage == "screen":
        opened = world["guessable"] * world["has_open_form"] if step.convert else 0.0
        return 1 - world["filtered"] * (1 - opened)
    if step.stage == "decontaminate":
        return 1 - world["rewrite_repeats"] if step.repeated else published.decontaminate.share
    if step.stage == "rate":
        return published.rate.share
    return _verified(world, published) if step.stage == "verify" else 1.0


def _verified(world: World, published: Published) -> Draws:
    """What is left of the paper's last step once the filter has had its share."""
    return np.minimum(published.screen_to_verify.share / (1 - world["filtered"]), 1.0)


def _taken(step: Step, rows: Draws, kept: Draws, world: World, published: Published) -> Taken:
    nothing = np.zeros_like(rows)
    requests = rows * _asked(step, world, published) if step.server else nothing
    reads = requests * world.get(f"{step.stage}_input", nothing)
    writes = requests * world.get(f"{step.stage}_output", nothing)
    cards, hours = of_tokens(step.server, requests, reads, writes, world)
    return Taken(
        step=step,
        rows_in=rows,
        rows_out=kept,
        requests=requests,
        input_tokens=reads,
        output_tokens=writes,
        usd=_dollars(step.server, reads, writes, world) if step.server else nothing,
        gpu_hours=cards,
        hours=hours,
    )


def of_tokens(
    server: Server | None, requests: Draws, reads: Draws, writes: Draws, world: World
) -> tuple[Draws, Draws]:
    """Card-hours that the engine holds (0 for a hosted model), and hours of wall time."""
    if server is None:
        return np.zeros_like(reads), np.zeros_like(reads)
    if server.cards:
        node_seconds = reads / world[f"{server.speed}_node_reads"] + writes / world[f"{server.speed}_node_writes"]
        cards = np.asarray(server.cards * node_seconds / 3600 / world["busy"])
        return cards, cards / (server.cards * server.replicas)
    if server.batches:
        return np.zeros_like(reads), server.batches * world["batch_hours"]
    return np.zeros_like(reads), np.asarray((requests + writes / world["hosted_writes"]) / server.concurrency / 3600)


def _asked(step: Step, world: World, published: Published) -> Draws | float:
    """Requests for each row that comes."""
    if step.stage == "screen":
        screened = 1 - world["filtered"] * world["found_by_rules"] if step.rules else 1.0
        converted = world["filtered"] * world["guessable"] * (1 + world["has_open_form"])  # worded, then screened
        return screened + (converted if step.convert else 0.0)
    if step.stage == "decontaminate":  # one call about all neighbours is taken as one for each: it answers as much
        texts = world["rewritten"] if step.repeated else 1 + world["rewritten"] * step.after_screen
        again = {"both": 1.0, "one": 0.0}.get(step.second_order, 1 - world["says_same"])
        pairs = step.k * (world["near_enough"] if step.floor else 1.0)
        return texts * ((1.0 if step.together else pairs) + pairs * again)
    if step.stage == "rate" and step.stopping != "off":
        rounds = "_in_rounds" if step.in_rounds else ""
        return step.samples * (1 - world[f"saved_by_{step.stopping}{rounds}"])
    if step.stage == "solve" and step.lazy:
        return _solutions(step, _verified(world, published), world["has_answer"])
    return float(step.samples)


def _solutions(step: Step, kept: Draws, has_answer: Draws) -> Draws:
    """Solutions bought for a row, lazily."""
    bought = saving.least if step.alike else saving.bought
    at = np.linspace(0, 1, _GRID)
    with_answer, without = (
        np.interp(kept, at, [bought(x, step.samples, source=source) for x in at]) for source in (True, False)
    )
    return np.asarray(has_answer * with_answer + (1 - has_answer) * without)


def _dollars(server: Server, reads: Draws, writes: Draws, world: World) -> Draws:
    cached = world["cached"]
    a_read = (1 - cached) * server.input + cached * server.cached_input
    return (reads * a_read + writes * server.output) / 1_000_000
