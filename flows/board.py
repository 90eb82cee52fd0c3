"""What the Prefect UI shows of a run: its artifacts, made once and then updated in place."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId


class Board:
    """The artifacts of one flow run. A retried run finds those of its earlier tries, and goes on with them."""

    def __init__(self, client: SyncPrefectClient, flow_run: UUID) -> None:
        self._client, self._flow_run = client, flow_run
        of_this_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run]))
        self._ids = {one.key: one.id for one in client.read_artifacts(artifact_filter=of_this_run) if one.key}
        self._shown: dict[str, tuple[Any, str]] = {}

    def progress(self, key: str, percent: float, description: str) -> None:
        """A bar, from 0 to 100."""
        self._put(key, "progress", round(percent, 1), description)

    def markdown(self, key: str, text: str, description: str) -> None:
        """Text; what comes from outside must be `literal` in it."""
        self._put(key, "markdown", text, description)

    def _put(self, key: str, kind: str, data: Any, description: str) -> None:
        """Send what differs from what is there."""
        if self._shown.get(key) == (data, description):
            return
        if key in self._ids:
            self._client.update_artifact(self._ids[key], ArtifactUpdate(data=data, description=description))
        else:
            made = ArtifactCreate(
                key=key, type=kind, data=data, description=description, flow_run_id=self._flow_run
            )  # fmt: skip
            self._ids[key] = self._client.create_artifact(made).id
        self._shown[key] = (data, description)
