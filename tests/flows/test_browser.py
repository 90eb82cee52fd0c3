"""The system as its operators see it: a real Prefect server, worker and browser.

Screenshots of what they see lie in the folder that SCREENSHOTS names, else in pytest's temporary folder.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from flows import plan as plans
from flows.spending import spend
from flows.status import status
from tasks.ledger.spend import By, events
from tasks.models.rehearsal.champ import problems
from tasks.report.pages import usd
from tasks.rows.problem import bucket, problem_id
from tasks.rows.storage import Storage
from tests.flows.ui_system import ROWS, SHARDS, System, system, wait

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
CHROMIUM = shutil.which("chromium")
KEY, HOOK = secrets.token_hex(16), secrets.token_hex(16)
SWITCHES = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with system(tmp_path_factory.mktemp("ui"), KEY, HOOK) as found:
        yield found


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def page(running: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no chromium; apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("browser"),
            executable_path=CHROMIUM,
            headless=True,
            args=SWITCHES.split(),
            viewport={"width": 1400, "height": 1000},
            base_url=f"{running.address}/v2/",
        )
        found = browser.new_page()
        found.set_default_timeout(60_000)
        yield found
        browser.close()


@dataclass(frozen=True)
class Story:
    """What was seen of one run that a shard's failure stopped, and that was retried."""

    flow_run: str
    root: Path
    percents: list[float]
    failed_page: str
    first_report: str
    last_report: str
    asked_before_retry: int
    tasks_before_retry: set[str]
    spend_page: str


def of_last_shard() -> tuple[str, ...]:
    """Questions of the problems that the last shard will hold."""
    first = 4096 * (SHARDS - 1) // SHARDS
    return tuple(one.text for one in problems()[:ROWS] if bucket(problem_id(one.text)) >= first)


@pytest.fixture(scope="module")
def story(running: System, page: Page, shots: Path) -> Story:
    """An operator starts a run from the form, watches it, sees a shard fail, has the cause mended, and retries."""
    root = running.repository / "root"
    running.gate.refused, running.gate.seconds = of_last_shard(), 0.1
    fill_in_form(running, page, root, shots)
    flow_run = wait(lambda: next(iter(running.runs_of("curate")), None), 120)
    page.goto(f"runs/flow-run/{flow_run}?tab=Artifacts")
    percents = watch(running, page, flow_run, shots)
    failed_page = artifact(running, page, flow_run, "failed-shards", shots)
    artifact(running, page, flow_run, "quarantine", shots)
    first_report = report(running, flow_run)
    asked, done = len(running.gate.asked), {one["id"] for one in running.tasks(flow_run)}
    running.gate.refused, running.gate.seconds = (), 0.0
    press_retry(page, flow_run, shots)
    running.wait_for(flow_run, "Completed")
    page.goto(f"runs/flow-run/{flow_run}?tab=Task+Runs")
    shoot(page, shots, "6-completed")
    artifact(running, page, flow_run, "funnel", shots)
    return Story(
        flow_run=flow_run,
        root=root,
        percents=percents,
        failed_page=failed_page,
        first_report=first_report,
        last_report=report(running, flow_run),
        asked_before_retry=asked,
        tasks_before_retry=done,
        spend_page=artifact(running, page, flow_run, "spend", shots),
    )


def fill_in_form(running: System, page: Page, root: Path, shots: Path) -> None:
    page.goto(f"deployments/deployment/{running.deployment('curate/curate')['id']}/run")
    page.get_by_role("button", name="Select recipe").click()
    page.get_by_role("option", name="own").click()
    page.get_by_label("root (Optional)").fill(str(root))
    page.get_by_role("tab", name="int").click()
    page.get_by_role("tabpanel", name="int").get_by_role("spinbutton").fill(str(SHARDS))
    page.get_by_role("button", name="Select runner").click()
    page.get_by_role("option", name="threads").click()
    page.get_by_label("workers (Optional)").fill("1")
    shoot(page, shots, "1-form")
    page.get_by_role("button", name="Submit").click()


def watch(running: System, page: Page, flow_run: str, shots: Path) -> list[float]:
    """The values that the first stage's bar took until the run failed."""
    seen: list[float] = []

    def look() -> bool:
        found = running.artifacts(flow_run).get("progress-1-screen")
        if found and found["data"] not in seen:
            seen.append(found["data"])
            page.reload()
            shoot(page, shots, f"2-progress-{found['data']:.0f}")
        return running.state(flow_run) == "Failed"

    wait(look, 600, lambda: running.state(flow_run))
    page.reload()
    shoot(page, shots, "3-failed")
    return seen


def artifact(running: System, page: Page, flow_run: str, key: str, shots: Path) -> str:
    """What a person reads on an artifact's page."""
    page.goto(f"artifacts/artifact/{running.artifacts(flow_run)[key]['id']}")
    page.get_by_role("button", name="Show Raw Data").wait_for()
    shoot(page, shots, f"4-{key}")
    return page.get_by_role("main").inner_text()


def report(running: System, flow_run: str) -> str:
    """The page that a run's artifact tells where to find."""
    said = running.artifacts(flow_run)["report"]["data"]
    return Path(said.split("`")[1]).read_text(encoding="utf-8")


def press_retry(page: Page, flow_run: str, shots: Path) -> None:
    page.goto(f"runs/flow-run/{flow_run}")
    page.get_by_role("main").get_by_role("button", name="Open menu").first.click()
    page.get_by_role("menuitem", name="Retry").click()
    shoot(page, shots, "5-retry")
    page.get_by_role("alertdialog").get_by_role("button", name="Retry").click()
    page.get_by_text("scheduled for retry").wait_for()


def shoot(page: Page, shots: Path, name: str) -> None:
    page.wait_for_timeout(1500)  # for what moves into its place
    page.screenshot(path=shots / f"{name}.png")


def test_progress_moves_while_the_run_goes(story: Story) -> None:
    assert story.percents == sorted(story.percents)
    assert len(story.percents) >= 2
    assert story.percents[0] == 0
    assert 60 < story.percents[-1] < 70  # two of three shards


def test_the_failed_shard_is_shown_with_class_and_reason(story: Story) -> None:
    assert "-aaa-1000" in story.failed_page
    assert "EndpointError" in story.failed_page
    assert "HTTP 401" in story.failed_page


def test_the_report_is_there_when_a_run_has_failed_and_follows_the_retry(story: Story) -> None:
    assert f"Not finished: {SHARDS - 1} of {SHARDS} shards are through all stages." in story.first_report
    assert "Not finished" not in story.last_report
    assert len(list(story.root.glob("runs/*/report-*.html"))) == 1


def test_retry_runs_just_the_failed_shard(running: System, story: Story) -> None:
    fresh = [one for one in running.tasks(story.flow_run) if one["id"] not in story.tasks_before_retry]
    states = {one["name"]: one["state"]["name"] for one in fresh}
    shards = {name: state for name, state in states.items() if name.startswith(("screen", "rate"))}
    assert len(shards) == 2 * SHARDS
    assert {state for name, state in shards.items() if not name.endswith("-aaa-1000")} == {"Reused"}
    assert {state for name, state in shards.items() if name.endswith("-aaa-1000")} == {"Completed"}
    for _, body in running.gate.asked[story.asked_before_retry :]:
        said = " ".join(message["content"] for message in json.loads(body)["messages"])
        assert any(text in said for text in of_last_shard())


def test_nothing_was_bought_twice(running: System, story: Story) -> None:
    served = [body for _, body in running.gate.asked]
    twice = {body for body in served if served.count(body) > 1}
    assert all(any(text in body for text in map(escaped, of_last_shard())) for body in twice)  # refused, then served
    outcomes = events(Storage(str(story.root))).filter(kind="outcome", status="reply")
    assert outcomes["key"].n_unique() == outcomes.height


def test_the_spend_page_has_the_ledgers_figures(story: Story) -> None:
    storage = Storage(str(story.root))
    found = spend(storage, By.STAGE)
    assert f"USD {usd(found.microusd)} paid by this run" in story.spend_page
    for line in found.lines:
        assert usd(line.microusd) in story.spend_page
    kept = status(storage, plans.latest(storage)).funnel[-1].rows_in
    assert f"of {kept} so far" in story.spend_page


def test_alerts_reach_the_webhook(running: System, story: Story) -> None:
    def told() -> list[dict[str, Any]]:
        return [one for one in running.gate.alerts if one["event"] == "curation.shard.failed"]

    wait(told, 60, lambda: str(running.gate.alerts))
    (one,) = told()
    assert one["what"]["about"].endswith("-aaa-1000 at screen")
    assert "HTTP 401" in one["what"]["words"]


def test_log_lines_of_stages_are_beside_the_task_runs(running: System, story: Story) -> None:
    wanted = {"logs": {"flow_run_id": {"any_": [story.flow_run]}}, "limit": 200}
    lines = [one for one in running.api("/logs/filter", wanted) if one["name"] == "tasks.stage"]
    assert any("rows to decide" in one["message"] for one in lines)
    assert all(one["task_run_id"] for one in lines)


def test_a_schedule_fires_by_itself(running: System) -> None:
    def fired() -> list[dict[str, Any]]:
        runs = running.api("/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})
        return [one for one in runs if one["auto_scheduled"]]

    assert wait(fired, 150)[0]["created_by"]["type"] == "SCHEDULE"


def test_after_a_cancel_nothing_is_asked_and_no_task_remains(running: System) -> None:
    running.gate.refused, running.gate.seconds = (), 0.3
    root, before = running.repository / "cancelled", len(running.gate.asked)
    flow_run = running.start("curate/curate", recipe="own", root=str(root), runner="ray", workers=2)
    wait(lambda: len(running.gate.asked) > before + 20, 180, lambda: running.state(flow_run))
    running.api(f"/flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    at = time.monotonic()
    running.wait_for(flow_run, "Cancelled", seconds=90)
    time.sleep(max(0.0, at + 30 - time.monotonic()))
    assert not [one for one in running.processes() if "ray::" in one or "raylet" in one]
    asked = len(running.gate.asked)
    time.sleep(5)
    assert len(running.gate.asked) == asked
    assert max(when for when, _ in running.gate.asked) < at + 30


def test_requeued_rows_are_asked_again_and_no_others(running: System) -> None:
    one, root = problems()[0].text, str(running.repository / "requeued")
    running.gate.refused, running.gate.seconds, running.gate.rejected = (), 0.0, (one,)
    run = running.start("curate/curate", recipe="own", root=root, shards=1, runner="threads")
    running.wait_for(run, "Completed", seconds=480)
    assert quarantined(root) == {"rejected": 1}
    running.gate.rejected, before = (), len(running.gate.asked)
    again = running.start("requeue/requeue", stage="screen", reason="rejected", root=root, runner="threads")
    running.wait_for(again, "Completed", seconds=480)
    assert quarantined(root) == {}
    asked = [body for _, body in running.gate.asked[before:]]
    assert asked and all(escaped(one) in body for body in asked)


def quarantined(root: str) -> dict[str, int]:
    storage = Storage(root)
    return next(step.quarantined for step in status(storage, plans.latest(storage)).funnel if step.stage == "screen")


def test_a_budgets_alerts_reach_the_webhook(running: System, story: Story) -> None:
    half = spend(Storage(str(story.root)), By.STAGE).microusd / 2_000_000
    root = str(running.repository / "budgeted")
    run = running.start("curate/curate", recipe="own", root=root, shards=1, runner="threads", budget_usd=half)
    running.wait_for(run, "Suspended", seconds=480)
    wanted = {"curation.budget.80_percent", "curation.budget.reached"}
    wait(lambda: wanted <= {one["event"] for one in running.gate.alerts}, 120, lambda: str(running.gate.alerts))


def test_no_secret_is_in_anything_that_was_written(running: System, story: Story) -> None:
    assert any("Incorrect API key" in body for body in errors(story.root))
    written = [path for path in running.repository.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in written)
    for path in written:
        content = path.read_bytes()
        for secret in (KEY, HOOK):
            assert secret.encode() not in content, path
    assert not [body for body in errors(story.root) if KEY in body]


def errors(root: Path) -> list[str]:
    """What endpoints said when they answered no request, as it lies in the ledger."""
    files = list((root / "ledger").rglob("*.parquet"))
    frames = [pl.read_parquet(path, columns=["status", "body"]) for path in files]
    return list(pl.concat(frames).filter(status="error")["body"])


def escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
