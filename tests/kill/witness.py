"""What is true of a root after the run has finished: the ledger held against the journal, the data set's bytes."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.ledger.contents import contents
from tasks.ledger.spend import events, possibly_paid
from tasks.models import wire
from tasks.models.prompt import Message
from tasks.models.rehearsal import journal
from tasks.models.request import Model, Request
from tasks.rows.storage import Storage
from tasks.rows.tables import decode


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished run: what it gave, and what its ledger and the models' journal say of it."""

    dataset: dict[str, bytes]
    """Bytes of every published file, by name."""
    funnel: list[dict[str, Any]]
    served: Counter[str]
    """How often each request was served, by digest of its body."""
    durable: Counter[str]
    """Replies in the log, by digest of the body of their request."""
    listed: Counter[str]
    """Attempts that are listed as possibly paid, by the same."""
    spend: int
    bound: int
    """What the listed attempts can have cost at most, like `spend` and `bill` in micro-dollars."""
    bill: int

    @property
    def twice(self) -> int:
        """Servings beyond each request's first."""
        return sum(times - 1 for times in self.served.values())

    @property
    def repaid(self) -> int:
        """Replies that were bought although one to the same request was durable."""
        return sum(times - 1 for times in self.durable.values())


def outcome(root: str, witness: Path) -> Outcome:
    """Read a finished run. Raises `StorageError` where there is none."""
    storage = Storage(root)
    log = events(storage)
    bodies = bodies_of(storage)
    maybe = possibly_paid(log)
    replies = log.filter(pl.col("kind") == "outcome", pl.col("status") == "reply")
    lines = journal.read(witness)
    return Outcome(
        dataset={name: storage.read(name) for name in storage.list("datasets")},
        funnel=_funnel(storage),
        served=Counter(line.body_sha256 for line in lines),
        durable=Counter(bodies[key] for key in replies["key"]),
        listed=Counter(bodies[key] for key in maybe["key"]),
        spend=int(replies["microusd"].sum()),
        bound=int(maybe["bound_microusd"].sum()),
        bill=sum(line.microusd for line in lines),
    )


def violations(found: Outcome, undisturbed: Outcome, most_lost: int) -> list[str]:
    """Promises that a disturbed run broke; `most_lost` requests can have been in flight at its kills."""
    unlisted = [body for body, times in found.served.items() if times > found.durable[body] + found.listed[body]]
    rows_in = sum(step["rows_in"] for step in found.funnel if step["stage"] == "collect")
    checks = {
        f"{found.repaid} durable replies were bought again": found.repaid == 0,
        f"{len(unlisted)} requests were served more often than the ledger knows": not unlisted,
        f"{found.twice} were served twice, but {most_lost} in flight at most": found.twice <= most_lost,
        "the data set differs from the undisturbed run's": found.dataset == undisturbed.dataset,
        "the data set is empty": any(name.endswith(".parquet") for name in found.dataset),
        f"the funnel differs, or lost rows of {rows_in}": found.funnel == undisturbed.funnel
        and conserved(found.funnel),
        f"asked {len(found.served)} requests, not {len(undisturbed.served)}": found.served.keys()
        == undisturbed.served.keys(),
        f"spend {found.spend} + possibly paid {found.bound} is not the bill of {found.bill}": (
            found.spend <= found.bill <= found.spend + found.bound
        ),
    }
    return [broken for broken, held in checks.items() if not held]


def conserved(funnel: list[dict[str, Any]]) -> bool:
    """Whether rows in are rows kept, dropped and quarantined at every stage, and what one keeps the next gets."""
    whole = all(
        step["rows_in"] == step["kept"] + sum(step["dropped"].values()) + sum(step["quarantined"].values())
        for step in funnel
    )
    return whole and all(after["rows_in"] == before["kept"] for before, after in itertools.pairwise(funnel))


def _funnel(storage: Storage) -> list[dict[str, Any]]:
    from flows import plan as plans
    from flows.status import status

    found = status(storage, plans.latest(storage))
    return [step.model_dump() for step in found.funnel] if found.done else []


def bodies_of(storage: Storage) -> dict[str, str]:
    """Request key to the digest that the journal has of its body."""
    texts: dict[str, str] = {}
    for data in storage.read_all(contents(storage).names).values():
        asked = decode(data, ["key", "request"]).filter(pl.col("request").is_not_null())
        texts.update(asked.iter_rows())
    return {key: body_of(text) for key, text in texts.items()}


def body_of(canonical: str) -> str:
    """The journal's digest of the body that a request went out as, from the canonical JSON of its intent."""
    fields = json.loads(canonical)
    asked = Request(
        model=Model.model_validate(fields["model"]),
        messages=tuple(Message(role=role, content=content) for role, content in fields["messages"]),
        sampling=fields["sampling"],
        response_schema=fields["response_schema"],
        sample=fields["sample"],
        canonical=canonical,
        key="",
    )
    return journal.body_sha256(json.loads(wire.body(asked)))
