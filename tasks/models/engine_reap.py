"""Runs a command in its process group and ends the whole group with its owner: `engine_reap.py COMMAND...`.

The owner holds this process's standard input open; its end, however it came, closes it. vLLM starts processes of its
own, which outlive it when only their parent is killed. Ray kills a dying worker's direct children, so who watches
must be a grandchild. Standard library only: it is started as a script.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def end_group() -> None:
    """Kill everything in this process group, this process too."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def end_with_owner() -> None:
    """Wait for the end of standard input."""
    os.read(0, 1)
    end_group()


def main(command: list[str]) -> None:
    """Start the command and stay until it or the owner ends."""
    if os.fork():
        os.wait()
        os._exit(1)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=end_with_owner, daemon=True).start()
    child.wait()
    end_group()


if __name__ == "__main__":
    main(sys.argv[1:])
