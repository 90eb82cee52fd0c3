"""The commands that serve something until Ctrl-C."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from flows.commands.options import DEMO, Root, Workers, complaints, people
from tasks.errors import CurationError

app = typer.Typer()


@app.command()
def ui(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the Prefect UI; 0 for any free one")] = 4200,
    alerts_url: Annotated[
        str | None, typer.Option(envvar="CURATION_ALERTS_URL", help="Webhook that alerts are sent to")
    ] = None,
) -> None:
    """Start the Prefect UI with the deployments and a worker for them, on this machine, until Ctrl-C."""
    with complaints():
        from flows.ui import heed_signals, wait_for_stop
        from flows.ui import ui as everything

        heed_signals()
        people.print("starting a Prefect server, the deployments and a worker ...")
        with everything(DEMO / "prefect", port, alerts_url) as address:
            people.print(f"open [bold]{address}[/]; Ctrl-C ends it all", soft_wrap=True)
            wait_for_stop()


@app.command()
def worker(
    alerts_url: Annotated[
        str | None, typer.Option(envvar="CURATION_ALERTS_URL", help="Webhook that alerts are sent to")
    ] = None,
) -> None:
    """Make the deployments on the server of PREFECT_API_URL, and work for them until Ctrl-C."""
    with complaints():
        from flows.services import wait_for
        from flows.ui import heed_signals, make_deployments, work

        server = os.environ.get("PREFECT_API_URL")
        if not server:
            raise CurationError("PREFECT_API_URL is not set; it must name the Prefect server to work for")
        heed_signals()
        wait_for(f"{server}/health", None, None)
        make_deployments(alerts_url)
        people.print("the deployments are made; Ctrl-C ends the worker and its runs")
        work()


@app.command()
def local(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the Prefect UI; 0 for any free one")] = 4200,
    workers: Workers = 2,
    state: Annotated[Path, typer.Option(help="Folder of everything that is kept")] = DEMO / "local",
) -> None:
    """Start the whole system of infra/ as plain processes on this machine, until Ctrl-C."""
    with complaints():
        from flows.local import ROOT, system
        from flows.ui import heed_signals, wait_for_stop

        heed_signals()
        people.print("starting PostgreSQL, Redis, S3, Prefect, Ray, a worker and Prometheus ...")
        with system(state, port, workers) as (env, supervisor):
            people.print(
                f"open [bold]http://127.0.0.1:{env['PREFECT_PORT']}[/]; Prometheus: http://127.0.0.1:"
                f"{env['PROMETHEUS_PORT']}, storage root: {ROOT}, logs: {escape(env['LOGS'])}; Ctrl-C ends it all",
                soft_wrap=True,
            )
            if not wait_for_stop(supervisor):
                raise CurationError(f"the supervisor has ended; see {env['LOGS']}")


@app.command()
def metrics(
    root: Root,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback; 0 for any free one")] = 9464,
) -> None:
    """Serve what the ledger and the manifests say as Prometheus metrics, on this machine, until Ctrl-C."""
    with complaints():
        from flows.metrics import served as serve
        from flows.ui import wait_for_stop
        from tasks import world

        with serve(world.storage(root), port) as port:
            people.print(
                f"metrics of {escape(root)} at http://127.0.0.1:{port}/metrics; Ctrl-C ends it", soft_wrap=True
            )
            wait_for_stop()
