"""A finished run's data set, sent to a folder or to the Hub."""

from __future__ import annotations

from pathlib import PurePosixPath

import yaml

from flows import plan as plans
from flows.plan import Plan
from tasks import world
from tasks.errors import GateRefused, StorageError
from tasks.publish import pushing
from tasks.publish.licences import UNKNOWN
from tasks.publish.pushing import HUB, Folder, HubRepository, Parcel, Target
from tasks.publish.task import DATASET
from tasks.rows.storage import Storage


class Push:
    """What is sent where: first `parcels`, then `send`."""

    def __init__(self, storage: Storage, plan: Plan, to: str, *, private: bool = True) -> None:
        """Raises `StorageError` for a run that is not finished, `GateRefused` where a licence is not known."""
        last = plans.published(storage, plan, plans.chains(storage, plan))
        if last is None:
            raise StorageError(f"{plan.run} is not finished; there is nothing to push yet")
        card = last.files[DATASET]
        self._storage, self.folder = storage, str(PurePosixPath(card.name).parent)
        _check_licence(storage.read(card.name).decode("utf-8"), plan.run)
        self._known = {
            file.name.removeprefix(f"{self.folder}/"): file.digest
            for name, file in last.files.items()
            if name.split("/")[0] == DATASET
        }
        self._target = _target(to, private=private)
        self.parcels = pushing.planned(storage, self.folder, self._known, self._target)

    def send(self, told: pushing.Told) -> None:
        """Send what is not there yet."""
        pushing.push(self._storage, self.folder, self.parcels, self._target, told)


def _target(to: str, *, private: bool) -> Target:
    if not to.startswith(HUB):
        return Folder(*world.files_at(to))
    repository = to.removeprefix(HUB).strip("/")
    if repository.count("/") != 1:
        raise StorageError(f"{to}: a repository of the Hub is {HUB}<owner>/<name>")
    return HubRepository(world.hub(), repository, private=private)


def _check_licence(card: str, run: str) -> None:
    head = yaml.safe_load(card.split("---\n")[1])
    if head["license"] == UNKNOWN:
        raise GateRefused(
            f"the data set of {run} has rows whose licence is not known, so it is not passed on. State `licence` at "
            "each source of the recipe, by its SPDX identifier, and run it again; that costs nothing."
        )


def words(parcels: list[Parcel]) -> str:
    """What would be sent, in one line."""
    sent = [one for one in parcels if one.state != "same"]
    differing = sum(one.state == "differs" for one in parcels)
    replaced = f", {differing} of them in place of others" if differing else ""
    return f"{len(sent)} of {len(parcels)} files to send, {sum(one.size for one in sent):,} bytes{replaced}"
