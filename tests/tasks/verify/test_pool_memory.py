"""What hostile answers cost in memory: of the worker no more than its limit, of the caller next to nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIMIT_MIB = 256
MEASURED = f"""
import json, multiprocessing, resource
from pathlib import Path
from tasks.verify.pool import Verifier
from tests.tasks.verify.test_pool import HOSTILE, SERVED

def own():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

def main():
    with Verifier(cpu_seconds=1, memory_bytes={LIMIT_MIB} << 20) as verifier:
        verifier.compare_all([SERVED])
        [worker] = multiprocessing.active_children()
        lines = Path(f"/proc/{{worker.pid}}/status").read_text().splitlines()
        idle = next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))
        caller = own()
        verifier.compare_all(list(HOSTILE.values()))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    print(json.dumps({{"worker idle": idle, "worker peak": peak, "caller before": caller, "caller peak": own()}}))

if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells peaks under /proc only on Linux")
def test_hostile_pairs_stay_within_their_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "measured.py"
    script.write_text(MEASURED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    peak = json.loads(run.stdout.splitlines()[-1])
    with capsys.disabled():
        print(f"\nMiB, hostile pairs at a limit of {LIMIT_MIB}: {peak}")
    assert peak["worker peak"] <= peak["worker idle"] + LIMIT_MIB
    assert peak["caller peak"] <= peak["caller before"] + 64
