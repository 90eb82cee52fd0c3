"""What a block starts is gone after it, grandchildren that lost their parent included."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import subprocess, sys, time
from flows.orphans import no_orphans
with no_orphans(grace_seconds=0.5):
    # a shell that leaves two processes behind: one in a session of its own, one deaf to SIGTERM
    subprocess.run(["sh", "-c", "setsid sleep 600 & (trap '' TERM; sleep 600; sleep 600) & echo $!"], check=True)
print("ended")
"""


CHILD = """
from flows.orphans import end_with_parent
end_with_parent()
print("up", flush=True)
import time
time.sleep(600)
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print("up", flush=True)
time.sleep(600)
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
    env = {**os.environ, "MARKER": marker, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.endswith("ended\n"), done.stderr
    assert not alive(marker)


def test_a_process_whose_parent_is_killed_ends_too() -> None:
    marker = f"parents-{os.getpid()}"
    env = {**os.environ, "MARKER": marker, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD], env=env, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    assert len(alive(marker)) == 2
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while alive(marker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(marker)


def test_a_start_of_ray_that_never_ends_is_ended() -> None:
    for_years = "re.match('(a+)+b', 'a' * 60)"  # in a call that lets no other thread run
    program = f"import re\nfrom flows.runner import _ends_within\nwith _ends_within(0.5):\n    {for_years}\n"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("Timeout (0:00:00.5")
