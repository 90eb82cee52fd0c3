"""A process in vLLM's place: the same command line, addresses and metrics, without a model. Standard library only.

It dies of a request whose body holds "poison", and works on one that holds "while PATH" for as long as there is such
a file. It starts a child as vLLM does, so that a test can see whether that outlives it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKENS = 7
counts = {"running": 0, "generated": 0, "prompt": 0}
lock = threading.Lock()


def count(**more: int) -> None:
    with lock:
        for name, n in more.items():
            counts[name] += n


def tokens(body: bytes) -> Iterator[int]:
    """How many tokens are generated in each turn of work on a request."""
    file = re.search(rb'while ([^\\"]+)', body)
    if file:
        while Path(file[1].decode()).exists():
            yield 1
    yield TOKENS


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def say(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        names = ("num_requests_running", "generation_tokens_total", "prompt_tokens_total")
        lines = zip(names, counts.values(), strict=True)
        self.say("".join(f'vllm:{name}{{engine="0"}} {float(n)}\n' for name, n in lines).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/chat/completions"):
            count(running=1)
            for some in tokens(body):
                time.sleep(0.1)
                count(generated=some)
            count(running=-1)
        if b"poison" in body:
            print("RuntimeError: CUDA error: an illegal memory access was encountered", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        count(generated=1)
        self.say(json.dumps({"echo": body.decode(), "usage": {"completion_tokens": TOKENS}}).encode())


if __name__ == "__main__":
    if "--broken" in sys.argv:
        sys.exit("ValueError: no such model")
    subprocess.Popen(["sleep", "600"])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
