"""What of a run is finished."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import plan as plans
from flows.recipe import Recipe
from tasks.rows import manifest as manifests
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tests.flows.test_recipe import recipe


def commit(storage: Storage, **of: Any) -> Manifest:
    """The manifest of a stage that got no row."""
    verdicts = pl.DataFrame(schema={"verdict": pl.String, "reason": pl.String})
    return manifests.commit(storage, rows_in=0, verdicts=verdicts, tables={}, **of)


def test_what_an_earlier_look_found_is_not_looked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(str(tmp_path))
    intake = commit(storage, stage="collect", fingerprint="f", shard="intake", upstream="u")
    plan = plans.make(Recipe.model_validate(recipe(shards=2)), [intake])
    done = {"stage": "rate", "fingerprint": plan.stages[0].fingerprint, "upstream": intake.digest}
    commit(storage, shard=plan.shards[0].name, **done)
    first = plans.chains(storage, plan)
    assert [len(chain) for chain in first] == [2, 1]
    commit(storage, shard=plan.shards[1].name, **done)
    find, sought = manifests.find, []

    def noted(*asked: Any) -> Manifest | None:
        sought.append(asked[3])
        return find(*asked)

    monkeypatch.setattr(manifests, "find", noted)
    assert plans.chains(storage, plan, first) == plans.chains(storage, plan)
    assert sought == [plan.shards[1].name, plan.shards[0].name, plan.shards[1].name]
