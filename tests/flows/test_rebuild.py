"""Money and bytes of small real runs: Prefect on threads, rehearsal models, and their journal as the witness."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from prefect.task_runners import ThreadPoolTaskRunner

from flows import plan as plans
from flows.curate import curate
from flows.curate import journal as journal_of
from flows.plan import Plan
from flows.rebuild import delete, made, rebuild
from flows.recipe import Recipe, load
from flows.spending import reconciled, spend
from flows.stages import PER_SHARD
from flows.why import why
from tasks.errors import NotStored, RecipeError, SourceError
from tasks.ledger.spend import By
from tasks.models.rehearsal import journal
from tasks.models.rehearsal.champ import problems
from tasks.rows.storage import Storage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FORUM = Path(__file__).resolve().parents[2] / "deployments" / "demo" / "forum_posts.jsonl"


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, shared_prefect: Callable[[], AbstractContextManager[None]]
) -> Iterator[Path]:
    """A folder with sources, while a Prefect server is in use."""
    folder = tmp_path_factory.mktemp("small")
    rows = [{"id": p.id, "question": p.text, "answer": p.gold} for p in problems()[1:19]]
    write(folder / "champ.jsonl", rows)
    write(folder / "benchmark.jsonl", [{"id": p.id, "question": p.text} for p in problems()[:3]])
    posts = [json.loads(line) for line in FORUM.read_text(encoding="utf-8").splitlines()[:6]]
    write(folder / "forum.jsonl", [*posts, {"id": "copy", "question": rows[0]["question"]}])
    with shared_prefect():
        yield folder


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def recipe(folder: Path, gate: float = 5.0) -> Recipe:
    given = load("demo").model_dump()
    given["sources"] = [{"name": name, "path": f"{folder / name}.jsonl"} for name in ("champ", "forum")]
    for choice in given["stages"]:
        if choice["stage"] == "decontaminate":
            choice["settings"]["benchmarks"] = [{"name": "b", "path": f"{folder}/benchmark.jsonl"}]
        if choice["stage"] == "rate":
            choice["settings"]["gate"] = gate
    return Recipe.model_validate({**given, "name": "small", "shards": 2})


def run(recipe: Recipe, root: Path) -> Plan:
    return curate.with_options(task_runner=ThreadPoolTaskRunner(max_workers=2))(recipe, str(root))


def again(plan: Plan, root: Path) -> Plan:
    return rebuild.with_options(task_runner=ThreadPoolTaskRunner(max_workers=2))(plan.run, str(root))


def bill(root: Path) -> tuple[int, int]:
    """Replies that the rehearsal models served, and what they charged."""
    lines = journal.read(root / "rehearsal" / "journal.jsonl")
    return len(lines), sum(line.microusd for line in lines)


def digests(root: Path, *folders: str) -> dict[str, str]:
    paths = [path for name in folders or (".",) for path in (root / name).rglob("*") if path.is_file()]
    names = {str(path.relative_to(root)): path for path in paths}
    return {
        name: sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if not name.startswith("ledger/leases/")
    }


@pytest.fixture(scope="module")
def first(folder: Path) -> Plan:
    return run(recipe(folder), folder / "root")


@pytest.fixture(scope="module")
def strict(folder: Path, first: Plan) -> Plan:
    """The same recipe with a higher gate, over what the first run paid for."""
    return run(recipe(folder, gate=6.0), folder / "root")


@pytest.fixture
def copy(folder: Path, strict: Plan, tmp_path: Path) -> Path:
    """A copy of the root with both runs, to spoil."""
    return Path(shutil.copytree(folder / "root", tmp_path / "root"))


@pytest.mark.parametrize("by", By)
def test_however_it_is_grouped_the_bill_is_the_journals(folder: Path, first: Plan, by: By) -> None:
    found = spend(Storage(str(folder / "root")), by)
    replies, charged = bill(folder / "root")
    assert charged > 0
    assert (sum(line.replies for line in found.lines), found.microusd) == (replies, charged)
    assert found.possibly_paid_attempts == 0
    if by is By.SOURCE:
        assert {line.group for line in found.lines} == {"champ", "forum"}


def test_a_run_that_finds_everything_is_told_what_it_would_have_cost_alone(folder: Path, strict: Plan) -> None:
    alone = run(recipe(folder, gate=6.0), folder / "alone")
    there = spend(Storage(str(folder / "alone")), By.STAGE).latest
    here = spend(Storage(str(folder / "root")), By.STAGE).latest
    _, charged = bill(folder / "alone")
    assert there is not None
    assert here is not None
    assert alone.run == here.run == strict.run
    assert (there.alone_microusd, there.paid_microusd, there.saved_microusd) == (charged, charged, 0)
    assert (here.alone_microusd, here.paid_microusd, here.saved_microusd) == (charged, 0, charged)
    assert here.rows == there.rows


def test_why_stages_were_done_again_is_read_from_the_root(folder: Path, first: Plan, strict: Plan) -> None:
    known = plans.by_start(Storage(str(folder / "root")))
    assert [plan.run for plan in known] == [first.run, strict.run]
    assert [plan.run for plan in plans.started_before(Storage(str(folder / "root")), strict.run)] == [first.run]
    found = {one.stage: one.differs for one in why(known[1], known[:1])}
    assert found.pop("rate") == ["settings.gate: 5.0 -> 6.0"]
    assert set(found) == {"solve", "verify", "classify", "publish"}
    assert {tuple(differs) for differs in found.values()} == {("upstream: a stage before it differs",)}


def test_a_rebuilt_run_has_the_same_bytes_and_asks_nothing(copy: Path, first: Plan) -> None:
    before = digests(copy)
    outputs = list((copy / "stages").rglob("*.parquet"))
    written = {path: path.stat().st_mtime_ns for path in outputs}
    again(first, copy)
    assert digests(copy) == before
    own = {copy / file.name for manifest in made(Storage(str(copy)), first) for file in manifest.files.values()}
    assert {path for path in outputs if path.stat().st_mtime_ns > written[path]} >= own & set(outputs) != set()


def test_on_s3_a_run_with_rows_set_aside_is_rebuilt_with_the_same_bytes(
    folder: Path, s3_root: Callable[[], str]
) -> None:
    """Some replies are signed by another model: their rows are quarantined as `rejected`, and no reply is stored."""
    plan_of_faults = folder / "faults.json"
    plan_of_faults.write_text(json.dumps({"seed": 1, "shares": {"wrong_model": 0.04}}), encoding="utf-8")
    given = recipe(folder).model_dump()
    given["endpoints"]["rehearsal"]["faults"] = str(plan_of_faults)
    root = s3_root()
    try:
        plan = curate.with_options(task_runner=ThreadPoolTaskRunner(max_workers=2))(
            Recipe.model_validate(given), root
        )
        storage = Storage(root)
        done = made(storage, plan)
        assert sum(one.quarantined.get("rejected", 0) for one in done) > 0
        before, served = objects(storage), journal.read(journal_of(root))
        rebuild.with_options(task_runner=ThreadPoolTaskRunner(max_workers=2))(plan.run, root)
        assert objects(storage) == before
        assert journal.read(journal_of(root)) == served
    finally:
        shutil.rmtree(journal_of(root).parent, ignore_errors=True)


def objects(storage: Storage) -> dict[str, str]:
    names = [name for name in storage.list("") if not name.startswith("ledger/leases/")]
    return {name: sha256(data).hexdigest() for name, data in storage.read_all(names).items()}


def test_a_rebuild_that_stopped_half_way_is_finished_by_the_recipe(folder: Path, copy: Path, first: Plan) -> None:
    before = digests(copy, "stages", "datasets", "ledger", "rehearsal")
    storage = Storage(str(copy))
    delete(storage, [*made(storage, first), *first.intakes])
    assert digests(copy, "stages").keys() < {name for name in before if name.startswith("stages")}
    run(recipe(folder), copy)
    after = digests(copy, "stages", "datasets", "ledger", "rehearsal")
    assert {name: digest for name, digest in after.items() if not name.endswith(".log")} == {
        name: digest for name, digest in before.items() if not name.endswith(".log")
    }


def test_without_a_reply_nothing_is_deleted_and_the_key_is_named(copy: Path, first: Plan) -> None:
    segment = next(path for path in sorted((copy / "ledger").rglob("*.parquet")) if replies(path))
    lost = replies(segment)
    segment.unlink()
    before = digests(copy)
    with pytest.raises(NotStored) as told:
        again(first, copy)
    assert any(key in str(told.value) for key in lost)
    assert digests(copy) == before


def replies(segment: Path) -> list[str]:
    return pl.read_parquet(segment).filter(kind="outcome", status="reply")["key"].to_list()


def test_with_other_sources_nothing_is_deleted(folder: Path, copy: Path, first: Plan) -> None:
    before = digests(copy)
    path = folder / "champ.jsonl"
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[1:]))
    try:
        with pytest.raises(SourceError, match="24 of its 25 rows"):
            again(first, copy)
    finally:
        path.write_bytes(whole)
    assert digests(copy) == before


def test_with_other_code_nothing_is_deleted_and_what_differs_is_named(
    copy: Path, first: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, entry = digests(copy), PER_SHARD["rate"]
    monkeypatch.setitem(PER_SHARD, "rate", replace(entry, stage=replace(entry.stage, version=99)))
    with pytest.raises(RecipeError, match=r"rate: version: \d+ -> 99"):
        again(first, copy)
    assert digests(copy) == before


def test_an_export_of_the_journal_reconciles(folder: Path, first: Plan, tmp_path: Path) -> None:
    """The rehearsal's journal, written as a provider would export it."""
    lines = journal.read(folder / "root" / "rehearsal" / "journal.jsonl")
    export = tmp_path / "usage.jsonl"
    rows: list[dict[str, object]] = [
        {
            "timestamp": line.time,
            "model": line.model,
            "requests": 1,
            "input_tokens": line.prompt_tokens,
            "output_tokens": line.completion_tokens,
            "cost_usd": f"{line.microusd / 1_000_000:.6f}",
        }
        for line in lines
    ]
    write(export, rows)
    storage = Storage(str(folder / "root"))
    assert reconciled(storage, str(export), None, 0).differences == []
    write(export, rows[1:])
    assert {one.what for one in reconciled(storage, str(export), None, 0).differences} == {
        *("requests", "input_tokens", "output_tokens", "microusd")
    }
    assert reconciled(storage, str(export), "no such endpoint", 0).differences != []
