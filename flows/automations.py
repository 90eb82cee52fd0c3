"""Automations of the Prefect server: those that pass our events on to a webhook, and one that ends lost runs.

The address of the webhook is kept by the server in a block, where it is a secret: it is in no automation and no log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import AutomationCore
from pydantic import SecretStr

FILE = Path("deployments") / "alerts" / "webhook.yaml"
LOST_RUNS = Path("deployments") / "alerts" / "lost_runs.yaml"
BLOCK = "curation-alerts"


def end_lost_runs() -> None:
    """Make the automation of `LOST_RUNS`. Switched off it stays switched off."""
    with get_client(sync_client=True) as client:
        for one in yaml.safe_load(LOST_RUNS.read_text(encoding="utf-8")):
            _put(client, AutomationCore.model_validate(one))


def install(url: str) -> None:
    """Make the automations of `FILE`, with `url` as the webhook they call. Those switched off stay switched off."""
    block = Webhook(url=SecretStr(url)).save(BLOCK, overwrite=True, _sync=True)  # type: ignore[call-arg]
    with get_client(sync_client=True) as client:
        for one in automations(str(block)):
            _put(client, one)


def automations(block: str) -> list[AutomationCore]:
    """The automations of `FILE`, calling the webhook of that block."""
    given: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return [
        AutomationCore.model_validate(
            {**one, "actions": [{**action, "block_document_id": block} for action in one["actions"]]}
        )
        for one in given
    ]


def _put(client: SyncPrefectClient, one: AutomationCore) -> None:
    old = client.read_automations_by_name(one.name)
    if old:
        client.update_automation(old[0].id, one.model_copy(update={"enabled": old[0].enabled}))
    else:
        client.create_automation(one)
