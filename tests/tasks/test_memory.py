"""Memory that a table took is given back, in whatever process a stage runs."""

import os
import subprocess
import sys

import pytest

WHICH = "import tasks, pyarrow; print(pyarrow.default_memory_pool().backend_name)"


@pytest.mark.parametrize(("chosen", "used"), [(None, "system"), ("mimalloc", "mimalloc")])
def test_arrow_takes_memory_from_the_system_unless_told_otherwise(chosen: str | None, used: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    env = kept if chosen is None else kept | {"ARROW_DEFAULT_MEMORY_POOL": chosen}
    done = subprocess.run([sys.executable, "-c", WHICH], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == used
