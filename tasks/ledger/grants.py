"""What persons have granted a run that had stopped: more money, what it will cost, or to go on all the same.

Each is a note under `ledger/grants/<run>/`: `<flow run>-<number>-asked.json` when a run stops and asks,
`...-granted.json` when somebody has answered. A grant holds as long as the recipe's own budget is what it was then:
whoever edits the recipe has the last word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict, Field

from tasks.ledger.budget import CARD_TIME, Budget
from tasks.rows.fingerprint import digest
from tasks.rows.storage import Storage


class Request(BaseModel):
    """What a stopped run needs to go on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_ms: int = Field(description="Unix milliseconds")
    flow_run: str
    number: int = Field(description="From 0, for each flow run")
    words: str
    scope: str = Field(
        default="", description="Which budget is reached, or `APPROVAL`; empty if it is not about money"
    )
    limit: int = Field(
        default=0,
        description="What it allows: micro-dollars, or milliseconds of one card; the estimate of an approval",
    )
    stage: str = Field(default="", description="Which stage quarantined too many rows")
    of_budget: str = Field(description="Digest of the recipe's budget")


class Grant(BaseModel):
    """The answer to one. `limit` is the scope's new bound, in its unit, what is used already included.

    An approval says who gave it, and when (Unix milliseconds).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: Request
    limit: int = 0
    note: str = ""
    by: str = ""
    at_ms: int = 0


APPROVAL = "approval"
"""The scope of a question that is about all that a run is estimated to cost."""


def budget_digest(budget: Budget) -> str:
    """What tells one recipe's budget from another."""
    return digest(budget.model_dump(mode="json"))


class Grants:
    """The notes of one run."""

    def __init__(self, storage: Storage, run: str) -> None:
        self._storage, self._folder = storage, f"ledger/grants/{run}"

    def ask(self, request: Request) -> None:
        """Note that a run has stopped and asks."""
        self._storage.put(self._name(request, "asked"), request.model_dump_json(indent=1).encode("utf-8"))

    def answer(self, grant: Grant) -> None:
        """Note what was granted. The same answer may come twice: a flow that enters again reads it again."""
        self._storage.put(self._name(grant.request, "granted"), grant.model_dump_json(indent=1).encode("utf-8"))

    def requests(self, flow_run: str) -> list[Request]:
        """What a flow run has asked, in order."""
        found = [Request.model_validate_json(data) for data in self._read("asked")]
        return sorted((one for one in found if one.flow_run == flow_run), key=lambda one: one.number)

    def granted(self) -> list[Grant]:
        """All answers, in the order of their questions."""
        found = [Grant.model_validate_json(data) for data in self._read("granted")]
        return sorted(found, key=lambda one: one.request.at_ms)

    def _read(self, kind: str) -> Iterable[bytes]:
        names = [name for name in self._storage.list(self._folder) if name.endswith(f"-{kind}.json")]
        return self._storage.read_all(names).values()

    def _name(self, request: Request, kind: str) -> str:
        return f"{self._folder}/{request.flow_run}-{request.number:03d}-{kind}.json"


def limits(budget: Budget, granted: Iterable[Grant]) -> Mapping[str, int]:
    """Micro-dollars by scope, after all grants that hold."""
    raised = {g.request.scope: g.limit for g in granted if g.request.scope and _holds(budget, g)}
    return {scope: raised.get(scope, limit) for scope, limit in budget.limits().items()}


def card_ms(budget: Budget, granted: Iterable[Grant]) -> int | None:
    """Milliseconds of one card that the run may take, after all grants that hold; None without a bound."""
    raised = [g.limit for g in granted if g.request.scope == CARD_TIME and _holds(budget, g)]
    return budget.card_ms if budget.card_ms is None or not raised else raised[-1]


def waived(budget: Budget, granted: Iterable[Grant]) -> tuple[str, ...]:
    """Stages that go on however many rows they quarantine."""
    return tuple(sorted({g.request.stage for g in granted if g.request.stage and _holds(budget, g)}))


def approvals(granted: Iterable[Grant]) -> list[Grant]:
    """What persons have approved that a run costs, in order."""
    return [one for one in granted if one.request.scope == APPROVAL]


def is_approved(granted: Iterable[Grant], microusd: int) -> bool:
    """Whether somebody has approved that the run costs so much, or more."""
    return any(one.request.limit >= microusd for one in approvals(granted))


def _holds(budget: Budget, grant: Grant) -> bool:
    return grant.request.of_budget == budget_digest(budget)
