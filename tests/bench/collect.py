"""Rows a second and peak memory of collecting: `make bench-collect ROWS=1000000`.

Made-up posts of 1.5 KB (`collect_rows`) are collected with the settings as shipped: a tenth of them, then all of
them under another root, then all and 1% more under that. Beside it what one would write instead, over the tenth:
`unique` of polars, which finds copies of the very same text, and an LSH index of datasketch over all rows. Each is a
process of its own, whose peak is its greatest resident memory. Sources are on local disk; seconds are wall time.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from os import getpid
from pathlib import Path
from typing import Any

import polars as pl
from datasketch import MinHash, MinHashLSH

from tasks.collect.source import Source
from tasks.collect.task import collect
from tasks.world import Where
from tests.bench.collect_rows import write
from tests.bench.common import REPOSITORY, say
from tests.bench.memory import peak

OURS, UNIQUE, LSH = "collect", "polars unique on the text", "datasketch LSH over all rows"


def ours(source: Path, root: str) -> int:
    """Collect a source and say how many rows of the last intake were kept."""
    return collect.fn([Source(name="made", path=str(source), licence="CC0-1.0")], Where(root=root, run="bench"))[
        -1
    ].kept


def unique(source: Path, _: str) -> int:
    """Rows with different texts."""
    return pl.read_ndjson(source).unique("question", keep="first", maintain_order=True).height


def lsh(source: Path, _: str) -> int:
    """Rows that are not near an earlier one, by pairs of words."""
    index, kept = MinHashLSH(threshold=0.6, num_perm=128), 0
    with source.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            words = json.loads(line)["question"].lower().split()
            sketch = MinHash(num_perm=128, scheme="affine32")
            sketch.update_batch([" ".join(pair).encode() for pair in pairwise(words)])
            if not index.query(sketch):
                index.insert(number, sketch, check_duplication=False)
                kept += 1
    return kept


WAYS: Mapping[str, Callable[[Path, str], int]] = {OURS: ours, UNIQUE: unique, LSH: lsh}


def measured(way: str, source: Path, root: Path) -> dict[str, Any]:
    """What one way takes, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.collect", "--way", way, str(source), str(root)]
    said = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def measure(way: str, source: Path, root: str) -> None:
    """Do it once and print what it took."""
    logging.disable(logging.WARNING)
    before, began, burnt = peak(getpid()), time.perf_counter(), time.process_time()
    kept = WAYS[way](source, root)
    took, cpu = time.perf_counter() - began, time.process_time() - burnt
    print(json.dumps({"kept": kept, "seconds": took, "cpu": cpu, "before": before, "peak": peak(getpid())}))


def told(way: str, rows: int, found: Mapping[str, Any]) -> None:
    """One line of figures."""
    rates = f"{rows / found['seconds']:,.0f} rows/s, {rows / found['cpu']:,.0f} rows per CPU second"
    memory = f"peak {found['peak']:,} MiB ({found['before']:,} before)"
    say(f"{way}, {rows:,} rows", f"{rates}, {memory}, {found['kept']:,} kept")


def compare(rows: int) -> None:
    """Measure all ways and print."""
    with tempfile.TemporaryDirectory(prefix="bench-collect-") as name:
        folder, source = Path(name), Path(name, "posts.jsonl")
        write(source, range(rows // 10))
        for way in WAYS:
            told(way, rows // 10, measured(way, source, folder / "small"))
        write(source, range(rows))
        whole = measured(OURS, source, folder / "whole")
        told(OURS, rows, whole)
        write(source, range(rows + rows // 100))
        grown = measured(OURS, source, folder / "whole")
    share = grown["seconds"] / whole["seconds"]
    say("1% more rows", f"{grown['seconds']:.1f} s, {share:.1%} of the whole; peak {grown['peak']:,} MiB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.collect", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--way", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        measure(given.way[0], Path(given.way[1]), given.way[2])
    else:
        compare(given.rows)


if __name__ == "__main__":
    main()
