"""The commands that serve something until Ctrl-C."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from flows.commands.options import DEMO, Root, complaints, people

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
        from flows.ui import ui as everything
        from flows.ui import wait_for_stop

        people.print("starting a Prefect server, the deployments and a worker ...")
        with everything(DEMO / "prefect", port, alerts_url) as address:
            people.print(f"open [bold]{address}[/]; Ctrl-C ends it all", soft_wrap=True)
            wait_for_stop()


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
