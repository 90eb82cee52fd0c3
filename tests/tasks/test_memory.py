"""Memory that a table took is given back, in whatever process a stage runs."""

import os
import subprocess
import sys

import pytest

WHICH = "import tasks, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
TAKE_AND_GIVE_BACK = """
from pathlib import Path
from tasks.rows.memory import give_back
import pyarrow as pa

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("RssAnon"))

before = resident()
taken = [pa.nulls(50_000, pa.int8()) for _ in range(2_000)]
last = pa.nulls(50_000, pa.int8())  # nothing below what is held is given back by itself
del taken
kept = resident()
give_back()
print(kept - before, resident() - before)
"""


def said(program: str, env: dict[str, str]) -> str:
    return subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("chosen", "used"), [(None, "system"), ("mimalloc", "mimalloc")])
def test_arrow_takes_memory_from_the_system_unless_told_otherwise(chosen: str | None, used: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    env = kept if chosen is None else kept | {"ARROW_DEFAULT_MEMORY_POOL": chosen}
    assert said(WHICH, env).strip() == used


def test_memory_that_nothing_holds_is_given_back() -> None:
    kept, left = map(int, said(TAKE_AND_GIVE_BACK, dict(os.environ)).split())
    assert kept > 50  # MiB of 95 that were taken
    assert left < 20
