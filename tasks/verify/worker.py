"""What runs inside a worker process of the verifier: limits first, then one pair at a time.

A worker bounds itself, so that a pair can hurt nobody even when the process that started it was killed: the
kernel ends a worker at its memory limit or when one pair has used its CPU time, and an idle one ends when its
pipe closes. CPU time rather than wall time decides, so that a busy machine does not change verdicts.
"""

from __future__ import annotations

import resource
import signal
from pathlib import Path

from tasks.verify.outcome import Comparison, undecided


def start(memory_bytes: int) -> None:
    """Import and warm up sympy, then allow `memory_bytes` of address space more than that took, and no core files."""
    from tasks.verify.rules import full

    full("(x+1)^2 - \\frac{1}{2}", "x^2+2x+1 - 0.5")  # the parser's tables, outside of any pair's time

    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ends at once, even inside a long computation in C
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = _address_space() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def ready() -> bool:
    """Answer once, to show that the worker is up."""
    return True


def run(left: str, right: str, kind: str | None, cpu_seconds: int) -> Comparison:
    """Compare one pair within `cpu_seconds` of CPU time; past it the kernel kills the process."""
    from tasks.verify.rules import full

    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + cpu_seconds, hard))
    try:
        return full(left, right, kind)
    except MemoryError:
        return undecided("memory")
    except RecursionError:
        return undecided("too deep")
    except Exception as fault:  # a library's fault on hostile text says nothing about the answers
        return undecided(f"fault: {type(fault).__name__}")
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, hard))


def _address_space() -> int:
    """Bytes of address space this process has mapped (Linux; elsewhere none is counted)."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 0
