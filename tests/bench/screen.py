"""Rows a second of the rule screen, one core: `make bench-screen`.

The rows are those of `tests/data/screen_labelled.jsonl`, again and again, each with a number of its own so that
nothing can be remembered. Prints one JSON object; seconds are of the processor, and beside them by the clock.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import cycle, islice
from pathlib import Path

from tasks.screen.rules import screen

FILE = Path(__file__).parents[1] / "data" / "screen_labelled.jsonl"


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.screen", description="Rows a second of the rules")
    parser.add_argument("--rows", type=int, default=100_000)
    count = parser.parse_args(arguments).rows
    labelled = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
    rows = [(f"{row['question']} ({i})", row["answer"]) for i, row in enumerate(islice(cycle(labelled), count))]
    began, clock = time.process_time(), time.perf_counter()
    dropped = sum(screen(question, answer) is not None for question, answer in rows)
    used, passed = time.process_time() - began, time.perf_counter() - clock
    print(json.dumps({
        "rows": count,
        "characters a row": round(sum(len(question) for question, _ in rows) / count),
        "dropped": dropped,
        "rows per CPU second": round(count / used),
        "rows per second by the clock": round(count / passed),
    }, indent=1))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
