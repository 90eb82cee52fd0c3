"""`python -m tasks.models.rehearsal`: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from pathlib import Path
from typing import get_args

from aiohttp import web

from tasks.models.rehearsal.batches import Batches, BatchPlan
from tasks.models.rehearsal.faults import FaultPlan, load
from tasks.models.rehearsal.journal import Journal
from tasks.models.rehearsal.server import application
from tasks.models.rehearsal.wire import ReasoningField


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tasks.models.rehearsal", description="Serve rehearsal models.")
    parser.add_argument("--host", default="127.0.0.1", help="interface to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--journal", type=Path, required=True, help="JSONL file, appended to")
    parser.add_argument("--latency-ms", type=int, default=0, help="wait before each reply")
    parser.add_argument("--faults", type=Path, help="YAML plan of how to misbehave (see faults.py)")
    parser.add_argument("--batches", default="{}", help="how batches go, as JSON (see batches.py)")
    parser.add_argument(
        "--reasoning-field",
        choices=get_args(ReasoningField),
        default="reasoning_content",
        help="where reasoning is sent: in a field of its own, or in the content between <think> tags",
    )
    return parser.parse_args()


async def serve(host: str, port: int, app: web.Application) -> None:
    """Serve until a signal; prints the address on one line when the port is open."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    bound_host, bound_port = runner.addresses[0][:2]
    ready = {
        "url": f"http://{bound_host}:{bound_port}/v1",
        "host": bound_host,
        "port": bound_port,
        "pid": os.getpid(),
    }
    print(json.dumps({**ready, "rehearsal": True}), flush=True)
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    given = arguments()
    plan = load(given.faults) if given.faults else FaultPlan()
    given.journal.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(given.journal)
    batches = Batches(given.journal.with_suffix(".batches"), BatchPlan.model_validate_json(given.batches))
    try:
        app = application(journal, given.latency_ms / 1000, plan, given.reasoning_field, batches)
        asyncio.run(serve(given.host, given.port, app))
    finally:
        journal.close()


if __name__ == "__main__":
    main()
