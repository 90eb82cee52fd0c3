"""The Prometheus endpoint says what the ledger and the manifests say; rules and dashboard name only what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from flows.metrics import of_engines, of_ledger, served, summed
from tasks.ledger.events import SCHEMA
from tasks.ledger.gpu_lease import Lease
from tasks.rows.storage import Storage

INFRA = Path(__file__).resolve().parents[2] / "infra"
OURS = {
    *("curation_requests", "curation_requests_open", "curation_tokens", "curation_usd", "curation_rows"),
    *("curation_gpu_hours", "curation_replies_used", "curation_shards", "curation_shards_done"),
}


def event(kind: str, attempt: str, **fields: object) -> dict[str, object]:
    common = {"run": "r", "stage": "rate", "model": "m@1", "endpoint": "here"}
    return {"kind": kind, "attempt": attempt, **common, **fields}


def reply(attempt: str, microusd: int) -> dict[str, object]:
    return event(
        "outcome",
        attempt,
        status="reply",
        microusd=microusd,
        prompt_tokens=100,
        cached_tokens=40,
        completion_tokens=7,
    )


LOG = pl.DataFrame(
    [
        *(event("intent", one) for one in "abcd"),
        reply("a", 2_500_000),
        reply("b", 500_000),
        event("outcome", "c", status="error", error="timeout"),
    ],
    schema=SCHEMA,
)


def test_the_ledger_is_counted_by_outcome() -> None:
    found = {
        (sample.name, *(sample.labels.get(name) for name in ("status", "error", "kind"))): sample.value
        for metric in of_ledger([summed(LOG)])
        for sample in metric.samples
    }
    assert found == {
        ("curation_requests_total", "reply", "", None): 2,
        ("curation_requests_total", "error", "timeout", None): 1,
        ("curation_tokens_total", None, None, "input"): 200,
        ("curation_tokens_total", None, None, "cached_input"): 80,
        ("curation_tokens_total", None, None, "output"): 14,
        ("curation_usd_total", None, None, None): 3.0,
        ("curation_requests_open", None, None, None): 1,
    }


def test_hours_of_cards_are_counted_by_state_and_add_up() -> None:
    lease = Lease(
        lease="0" * 32, run="r", endpoint="own", model="m@1", card="H20", cards=8, usd_per_hour=Decimal("2"),
        as_of=date(2026, 11, 1), price_source="contract", restart=False, beat_ms=1000, started_ms=0,
        ready_ms=900_000, seen_ms=3_600_000, alive_ms=3_600_000, ended_ms=3_600_000, busy_ms=1_800_000,
        generated_tokens=100, delivered_tokens=50,
    )  # fmt: skip
    hours = {sample.labels["state"]: sample.value for sample in of_engines([lease], 9_000_000).samples}
    assert hours == {"starting": 2.0, "useful": 2.0, "idle": 2.0, "wasted": 2.0}
    assert sum(hours.values()) == 8  # one hour of eight cards


def test_it_is_served_over_http_on_an_empty_root_too(tmp_path: Path) -> None:
    with served(Storage(str(tmp_path)), 0) as port, urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as got:
        families = {family.name for family in text_string_to_metric_families(got.read().decode())}
    assert families == OURS


def expressions() -> list[str]:
    rules = yaml.safe_load((INFRA / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
    dashboard = json.loads((INFRA / "grafana" / "curation.json").read_text(encoding="utf-8"))
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return found + [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_rules_and_dashboard_ask_only_for_metrics_that_there_are() -> None:
    named = {name for text in expressions() for name in re.findall(r"\bcuration_\w+", text)}
    assert {name.removesuffix("_total") for name in named} <= OURS
    recorded = set(re.findall(r"record: (\S+)", (INFRA / "prometheus" / "rules.yml").read_text(encoding="utf-8")))
    assert {name for text in expressions() for name in re.findall(r"\bcuration:[\w:]+", text)} <= recorded


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool; apt-get install prometheus")
def test_prometheus_accepts_configuration_rules_and_every_panel(tmp_path: Path) -> None:
    def promtool(*arguments: str) -> None:
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    folder = INFRA / "prometheus"
    promtool("check", "rules", str(folder / "rules.yml"))
    promtool("check", "config", "--syntax-only", str(folder / "prometheus.yml"))
    panels = [{"record": f"panel:{i}", "expr": text.replace("$run", ".*")} for i, text in enumerate(expressions())]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": panels}]}))
    promtool("check", "rules", str(tmp_path / "panels.yml"))
