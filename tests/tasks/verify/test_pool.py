from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.verify.outcome import Equality
from tasks.verify.pool import Verifier, shared

SERVED = ("(x+1)^2", "x^2+2x+1")  # needs the worker, and must be served after any hostile pair
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(workers=1, cpu_seconds=2) as made:
        yield made


HOSTILE = {
    "power tower": ("9^{9^{9^{9}}}", "5"),
    "plain power tower": ("9^9^9^9", "9^9^9^8"),
    "factorials": ("((9!)!)!", "((9!)!)!+1"),
    "digits": ("7" * 1_000_000, "7" * 999_999 + "8"),
    "open braces": ("{" * 100_000, "}" * 100_000),
    "some open braces": ("{" * 1_900, "{" * 1_899),
    "deep": (r"\frac{1}{" * 180 + "2" + "}" * 180, "5"),
    "deep parentheses": ("(" * 900 + "x" + ")" * 900, "x+1"),
    "binomial": (r"\binom{10^9}{5 \cdot 10^8}", r"\binom{10^9}{5 \cdot 10^8}+1"),
    "expansion": ("(x+1)^{100000}", "(1+x)^{100000}+1"),
    "tiny": ("1e-999999999", "2e-999999999"),
    "matrix power": (r"\sum_{k=1}^{10^{12}} k^{k}", r"\sum_{k=1}^{10^{12}} k^{k+1}"),
    "lone surrogate": ("\ud800 + x", "x+\x00"),
}


@pytest.mark.parametrize("pair", HOSTILE.values(), ids=HOSTILE)
def test_hostile_pairs_are_bounded_and_the_next_is_served(verifier: Verifier, pair: tuple[str, str]) -> None:
    start = time.monotonic()
    hostile, served = verifier.compare_all([pair, SERVED])
    assert hostile.verdict is not Equality.EQUAL
    assert served.verdict is Equality.EQUAL
    assert time.monotonic() - start < 300  # bounded, however busy the machine is


@pytest.mark.parametrize(
    "attack",
    [
        "__import__('os').system('touch {marker}')",
        "exec(\"open('{marker}','w')\")",
        "(1).__class__.__base__.__subclasses__()",
        r"\text{{x}}+__import__('pathlib').Path('{marker}').touch()",
        "[open('{marker}','w') for x in (1,)]",
    ],
)
def test_nothing_is_evaluated(verifier: Verifier, attack: str, tmp_path: Path) -> None:
    from tasks.verify.symbolic import symbolic

    marker = tmp_path / "marker"
    text = attack.format(marker=marker)
    assert verifier.compare_all([(text, "5")])[0].verdict is Equality.UNDECIDED
    symbolic(text, "x + 1")  # past the rules that keep words from the parser
    assert not marker.exists()


def test_exact_rules_start_no_process() -> None:
    before = set(multiprocessing.active_children())
    with Verifier() as verifier:
        verifier.compare_all([("1/2", "0.5"), ("yes", "no")])
        assert set(multiprocessing.active_children()) == before


def test_threads_and_asyncio_share_a_verifier(verifier: Verifier) -> None:
    pairs = [SERVED, ("2^n", "2^{n+1}")]
    expected = verifier.compare_all(pairs)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: verifier.compare_all(pairs), range(4))) == [expected] * 4

    async def both() -> list[object]:
        return list(await asyncio.gather(*(asyncio.to_thread(verifier.compare_all, pairs) for _ in range(2))))

    assert asyncio.run(both()) == [expected] * 2


def test_workers_end_with_the_verifier() -> None:
    before = set(multiprocessing.active_children())
    with Verifier() as verifier:
        verifier.compare_all([SERVED])
        assert set(multiprocessing.active_children()) - before
    assert set(multiprocessing.active_children()) <= before


BUSY = """
import multiprocessing, os, threading, time
from tasks.verify.pool import Verifier, shared

def main():
    verifier = Verifier(workers=2, cpu_seconds=3)
    verifier.compare_all([("(x+1)^2", "x^2+2x+1")])
    threading.Thread(target=verifier.compare_all, args=([("((9!)!)!", "((9!)!)!+1")],), daemon=True).start()
    time.sleep(0.5)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(600)

if __name__ == "__main__":
    main()
"""


def compare_in_shared_verifier() -> None:
    (result,) = shared(5, 1 << 30).compare_all([SERVED])
    assert result.verdict is Equality.EQUAL


def test_a_process_that_multiprocessing_started_ends_though_it_has_compared() -> None:
    """Such a process calls nothing that is registered with `atexit`, and waits for its children."""
    process = multiprocessing.get_context("spawn").Process(target=compare_in_shared_verifier)
    process.start()
    process.join(timeout=120)
    try:
        assert process.exitcode == 0
    finally:
        process.kill()


def test_no_orphan_outlives_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "busy.py"
    script.write_text(BUSY)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, script], env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
    assert len(children) == 2
    deadline = time.monotonic() + 60
    while any(map(_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(_alive, children))


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
