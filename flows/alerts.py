"""Events in Prefect for what people should be told at once; automations in deployments/alerts/ pass them on."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from prefect.events import emit_event

from tasks.report.alarms import Alarm


class Alerts:
    """Tells every alarm of one flow run once."""

    def __init__(self, run: str, flow_run: UUID) -> None:
        self._run, self._flow_run = run, flow_run
        self._told: set[tuple[str, str]] = set()

    def tell(self, alarms: Iterable[Alarm]) -> None:
        """Emit an event for each alarm that was not told before."""
        for alarm in alarms:
            if (alarm.alert, alarm.about) in self._told:
                continue
            self._told.add((alarm.alert, alarm.about))
            emit_event(
                event=alarm.alert.value,
                resource={
                    "prefect.resource.id": f"curation.run.{self._run}",
                    "prefect.resource.name": self._run,
                    "curation.about": alarm.about,
                    "curation.words": alarm.words,
                },
                related=[
                    {
                        "prefect.resource.id": f"prefect.flow-run.{self._flow_run}",
                        "prefect.resource.role": "flow-run",
                    }
                ],
                payload={"run": self._run, "about": alarm.about, "words": alarm.words},
            )
