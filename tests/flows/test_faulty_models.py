"""A run whose models misbehave in every way at once: no row is lost, and the bill is the models' own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
import yaml
from prefect.task_runners import ThreadPoolTaskRunner

from flows import plan as plans
from flows.curate import curate
from flows.recipe import Recipe
from flows.services import rehearsal
from flows.spending import spend
from flows.status import status
from tasks.ledger.spend import By, events, possibly_paid
from tasks.models.rehearsal import journal
from tasks.models.rehearsal.faults import OF_THE_REPLY, OF_THE_WIRE, Fault
from tasks.rows.storage import Storage
from tests.kill import recipe as small
from tests.kill.witness import bodies_of, conserved

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROWS = 24
SHARE = 0.2 / len(Fault)


def test_a_fifth_of_all_goes_wrong_and_every_row_and_cent_is_accounted_for(tmp_path: Path, prefect: None) -> None:
    """Bill of the journal = spend of the ledger + the replies that were charged and lost; and each of the lost is
    among what the ledger lists as possibly paid, where besides them only those stand that hung.
    """
    plan = {"seed": 1, "shares": {str(fault): SHARE for fault in Fault}, "slow_seconds": 0.5}
    faults, witness, root = tmp_path / "faults.yaml", tmp_path / "journal.jsonl", str(tmp_path / "root")
    faults.write_text(yaml.safe_dump(plan), encoding="utf-8")
    with rehearsal(witness, faults=str(faults)) as address:
        path = small.write(tmp_path, address, ROWS, timeout_seconds=10)
        recipe = Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        curate.with_options(task_runner=ThreadPoolTaskRunner(max_workers=2))(recipe, root)
    storage = Storage(root)
    log, lines = events(storage), journal.read(witness)

    found = status(storage, plans.latest(storage))
    steps = [step.model_dump() for step in found.funnel]
    assert found.done
    assert steps[0]["rows_in"] == ROWS
    assert conserved(steps)

    lost = [line for line in lines if line.lost]
    paid = spend(storage, By.STAGE)
    assert paid.microusd == sum(line.microusd for line in lines if not line.lost)
    assert sum(line.replies for line in paid.lines) == len(lines) - len(lost)
    assert 0 < sum(line.microusd for line in lost) <= paid.possibly_paid_bound_microusd

    bodies = bodies_of(storage)
    errors = dict(log.filter(pl.col("error").is_not_null()).select("attempt", "error").iter_rows())
    listed = possibly_paid(log)
    by_error = [(errors[attempt], bodies[key]) for attempt, key in listed.select("attempt", "key").iter_rows()]
    assert Counter(body for error, body in by_error if error != "timeout") == Counter(e.body_sha256 for e in lost)
    assert set(errors.values()) == {
        *("rate_limited", "overloaded", "server", "timeout", "cut", "garbled", "wrong_model")
    }
    assert {line.lost for line in lost} <= set(OF_THE_WIRE) - set(OF_THE_REPLY)
    ends = set(log_of_replies(storage)["finish_reason"])
    assert ends >= {"stop", "refusal", "content_filter", "length"}


def log_of_replies(storage: Storage) -> pl.DataFrame:
    from tasks.ledger.contents import contents
    from tasks.rows.tables import decode

    frames = [decode(data, ["finish_reason"]) for data in storage.read_all(contents(storage).names).values()]
    return pl.concat(frames).drop_nulls()
