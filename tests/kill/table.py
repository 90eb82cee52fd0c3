"""What the kill test prints: a line for each run, then the table."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass

from tests.kill.conduct import Tale
from tests.kill.plan import Victim
from tests.kill.witness import Outcome


@dataclass(frozen=True, kw_only=True)
class Round:
    """One run that was killed and started again until it had finished."""

    number: int
    root: str
    runner: str
    tale: Tale
    outcome: Outcome | None
    broken: list[str]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(one: Round, done: int, of: int) -> None:
    """One run in a line, and what it broke."""
    killed = ", ".join(f"{times} {victim}" for victim, times in sorted(one.tale.killed.items()))
    found = one.outcome
    counts = (
        f"{found.served.total()} served, {found.twice} twice, {found.listed.total()} possibly paid" if found else ""
    )
    where = f"{one.runner}, {one.root.partition('://')[0] if '://' in one.root else 'local disk'}"
    say(f"run {one.number} ({where}; {done}/{of} kills): {killed}; {one.tale.starts} starts; {counts}")
    for words, times in Counter(one.tale.endings).items():
        say(f"    {times} x ended by itself: {words}")
    for words in one.broken:
        say(f"    BROKEN: {words}")


def show(given: argparse.Namespace, rounds: list[Round], seconds: float) -> None:
    """The table, as Markdown."""
    killed = sum((one.tale.killed for one in rounds), Counter[Victim]())
    ended = [one.outcome for one in rounds if one.outcome is not None]
    whole = sum(not one.broken for one in rounds)
    lines = {
        "kills": str(killed.total()),
        **{f"- {victim}": str(killed[victim]) for victim in Victim if killed[victim]},
        "runs, killed and started again until finished": str(len(rounds)),
        "starts": str(sum(one.tale.starts for one in rounds)),
        "requests served": f"{sum(one.served.total() for one in ended):,}",
        "- served a second time": str(sum(one.twice for one in ended)),
        "- listed as possibly paid": str(sum(one.listed.total() for one in ended)),
        "durable replies paid again": str(sum(one.repaid for one in ended)),
        "runs with every promise kept (same data set, no row lost, bill covered)": f"{whole} of {len(rounds)}",
    }
    say(f"\nseed {given.seed}, {given.runner}, {given.storage}, {seconds / 60:.1f} minutes\n")
    say("| | |\n|---|---:|")
    for name, value in lines.items():
        say(f"| {name} | {value} |")
