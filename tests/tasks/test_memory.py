"""Memory that a table took is given back, in whatever process a stage runs."""

import os
import subprocess
import sys

import pytest

WHICH = "import tasks, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
RESIDENT = """
from pathlib import Path

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("RssAnon"))
"""
TAKE_AND_GIVE_BACK = f"""{RESIDENT}
from tasks.rows.memory import give_back
import pyarrow as pa

before = resident()
taken = [pa.nulls(50_000, pa.int8()) for _ in range(2_000)]
last = pa.nulls(50_000, pa.int8())  # nothing below what is held is given back by itself
del taken
kept = resident()
give_back()
print(kept - before, resident() - before)
"""
KEEP_A_ROW_OF_EACH = f"""{RESIDENT}
from tasks.rows.tables import apart
import polars as pl
import sys

def frame(number):
    return pl.DataFrame({{"text": [f"{{number}} {{n}} ".ljust(100, "x") for n in range(10_000)]}})

keep = apart if sys.argv[1] == "apart" else lambda few: few
kept = [keep(frame(0).head(1))]
before = resident()
kept += [keep(frame(number).filter(pl.col("text").str.starts_with(f"{{number}} 7 "))) for number in range(1, 80)]
print(resident() - before, sum(one.height for one in kept))
"""


def said(program: str, env: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("chosen", "used"), [(None, "system"), ("mimalloc", "mimalloc")])
def test_arrow_takes_memory_from_the_system_unless_told_otherwise(chosen: str | None, used: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    env = kept if chosen is None else kept | {"ARROW_DEFAULT_MEMORY_POOL": chosen}
    assert said(WHICH, env).strip() == used


def test_memory_that_nothing_holds_is_given_back() -> None:
    kept, left = map(int, said(TAKE_AND_GIVE_BACK, dict(os.environ)).split())
    assert kept > 50  # MiB of 95 that were taken
    assert left < 20


def test_a_row_that_is_kept_apart_keeps_no_other_in_memory() -> None:
    apart, rows = map(int, said(KEEP_A_ROW_OF_EACH, dict(os.environ), "apart").split())
    held, same = map(int, said(KEEP_A_ROW_OF_EACH, dict(os.environ), "held").split())
    assert rows == same == 80
    assert apart < 20 < 60 < held  # MiB, of 76 that went by
