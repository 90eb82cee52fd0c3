"""The kill test: python -m tests.kill --kills 100 --seed 1 --storage local --runner ray

One undisturbed run is the reference. Then the same run is made again and again on fresh roots, and its processes are
killed (SIGKILL) at moments drawn from the seed, several times in each run; whatever ended is started again until the
run has finished. Each finished run is compared with the reference: its data set, its funnel, its ledger against the
journal of the models. The exit code is 1 if any promise was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from flows.services import be_quiet
from tests.conftest import s3_server
from tests.kill import plan, table
from tests.kill.conduct import disturb
from tests.kill.recipe import AT_ONCE
from tests.kill.scene import Scene, scene
from tests.kill.table import Round
from tests.kill.witness import Outcome, outcome, violations


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="how many in all")
    parser.add_argument("--seed", type=int, default=1, help="decides who is killed, and when")
    parser.add_argument("--storage", choices=("local", "s3", "both"), default="both", help="both: by turns")
    parser.add_argument("--runner", choices=(*plan.OF_RUNNER, "both"), default="both")
    parser.add_argument("--minutes", type=float, default=60, help="no kill after that; what has begun is finished")
    parser.add_argument("--per-run", type=int, default=12, help="kills of one run at most")
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--latency-ms", type=int, default=150, help="of the rehearsal models")
    parser.add_argument("--folder", type=Path, help="where to work, and what stays; else a temporary folder")
    return parser.parse_args(given)


def kill_test(given: argparse.Namespace, folder: Path, roots: list[Callable[[int], str]]) -> list[Round]:
    """All rounds, each told as soon as it is over."""
    deadline = time.monotonic() + 60 * given.minutes
    runners = list(plan.OF_RUNNER) if given.runner == "both" else [given.runner]
    reference, left = _reference(given, folder, runners[0]), given.kills
    rounds: list[Round] = []
    while left > 0 and time.monotonic() < deadline:
        number = len(rounds)
        root, runner = roots[number % len(roots)](number), runners[number // len(roots) % len(runners)]
        with _scene(given, folder / f"round-{number}", root, runner) as made:
            tale = disturb(made, plan.kills(given.seed, number, runner), min(left, given.per_run), deadline)
            found = outcome(root, made.journal) if tale.finished else None
        broken = list(tale.faults)
        if found is not None:
            broken += violations(found, reference, AT_ONCE * tale.killed.total())
        rounds.append(Round(number=number, root=root, runner=runner, tale=tale, outcome=found, broken=broken))
        left -= tale.killed.total()
        table.tell(rounds[-1], sum(one.tale.killed.total() for one in rounds), given.kills)
        if not tale.killed:
            broken.append("nothing was killed before the run had ended: raise --latency-ms or --rows")
            break
    return rounds


def _reference(given: argparse.Namespace, folder: Path, runner: str) -> Outcome:
    root = str(folder / "undisturbed-root")
    began = time.monotonic()
    with _scene(given, folder / "undisturbed", root, runner) as made:
        tale = disturb(made, plan.kills(given.seed, 0, runner), 0)
        if not tale.finished or tale.starts > 1 or tale.faults:
            raise SystemExit(f"the undisturbed run did not finish: {tale}")
        found = outcome(root, made.journal)
    if broken := violations(found, found, 0):
        raise SystemExit(f"the undisturbed run breaks promises: {'; '.join(broken)}")
    table.say(f"undisturbed: {found.served.total()} requests served in {time.monotonic() - began:.0f} s")
    return found


def _scene(
    given: argparse.Namespace, folder: Path, root: str, runner: str
) -> contextlib.AbstractContextManager[Scene]:
    return scene(folder, root, runner=runner, rows=given.rows, latency_ms=given.latency_ms)


@contextlib.contextmanager
def _roots(storage: str, folder: Path) -> Iterator[list[Callable[[int], str]]]:
    """Makers of fresh roots, to be used by turns."""
    local = [lambda number: str(folder / f"root-{number}")] if storage != "s3" else []
    if storage == "local":
        yield local
        return
    with s3_server(folder / "s3") as fresh:
        yield [*local, lambda _: fresh()]


def main(given: argparse.Namespace) -> int:
    folder = given.folder or Path(tempfile.mkdtemp(prefix="kill-test-"))
    folder.mkdir(parents=True, exist_ok=True)
    table.say(f"seed {given.seed}, {given.kills} kills, {given.runner}, {given.storage}, in {folder}")
    began = time.monotonic()
    with _roots(given.storage, folder) as roots:
        rounds = kill_test(given, folder, roots)
    table.show(given, rounds, time.monotonic() - began)
    broken = any(one.broken for one in rounds) or Counter() == sum((one.tale.killed for one in rounds), Counter())
    if not broken and given.folder is None:
        shutil.rmtree(folder)
    return int(broken)


if __name__ == "__main__":
    be_quiet()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("kill").setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leave by the blocks that end what was started
    sys.exit(main(arguments()))
