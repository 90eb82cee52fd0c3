"""What a block starts is gone after it, grandchildren that lost their parent included."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import subprocess, sys, time
from flows.orphans import no_orphans
with no_orphans(grace_seconds=0.5):
    # a shell that leaves two processes behind: one in a session of its own, one deaf to SIGTERM
    subprocess.run(["sh", "-c", "setsid sleep 600 & (trap '' TERM; sleep 600; sleep 600) & echo $!"], check=True)
print("ended")
"""


def alive(marker: str) -> list[str]:
    found = []
    for one in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"MARKER={marker}".encode() in one.read_bytes():
                found.append(one.parent.name)
        except OSError:
            continue
    return found


def test_processes_that_lost_their_parent_end_with_the_block() -> None:
    marker = f"orphans-{os.getpid()}"
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "MARKER": marker, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.endswith("ended\n"), done.stderr
    assert not alive(marker)
