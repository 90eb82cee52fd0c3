"""A Prometheus endpoint over a storage root: what the ledger and the manifests say, for all runs under it.

Nothing is counted twice or lost when it restarts, because nothing is counted here: each scrape shows what is in
the storage. It looks at most every few seconds, however often it is scraped.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import polars as pl
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from flows import plan as plans
from tasks.ledger import gpu
from tasks.ledger import spend as spends
from tasks.ledger.fold import fold
from tasks.ledger.gpu_lease import Lease
from tasks.ledger.gpu_split import split
from tasks.rows.manifest import Manifest
from tasks.rows.storage import Storage
from tasks.stage import ASKED_TABLE

SECONDS_BETWEEN_LOOKS = 10.0
_STAGE = ["run", "stage"]
_BY = [*_STAGE, "model", "endpoint"]


class Curation:
    """A collector of Prometheus metrics."""

    def __init__(self, storage: Storage, seconds_between_looks: float = SECONDS_BETWEEN_LOOKS) -> None:
        self._storage, self._seconds = storage, seconds_between_looks
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._found: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        """All metrics, as they were at the last look."""
        with self._lock:
            if time.monotonic() - self._looked >= self._seconds:
                self._found = [
                    *of_ledger(fold(self._storage, summed)),
                    of_engines(gpu.leases(self._storage), time.time_ns() // 1_000_000),
                    *of_runs(self._storage),
                ]
                self._looked = time.monotonic()
            return self._found


def summed(part: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of a part of the log: outcomes added up, and how many attempts have none."""
    ended = part.filter(pl.col("kind") == "outcome").select("attempt")
    return spends.outcomes(part), part.join(ended, on="attempt", how="anti").group_by(_BY).len()


def of_ledger(parts: Sequence[tuple[pl.DataFrame, pl.DataFrame]]) -> Iterator[Metric]:
    """Requests, tokens and dollars, by run, stage, model and endpoint; of each part what `summed` gives."""
    outcomes = spends.together([ended for ended, _ in parts])
    by_status = outcomes.group_by(*_BY, "status", pl.col("error").fill_null("")).agg(pl.col("attempts").sum())
    names = [*_BY, "status", "error"]
    yield _counter("curation_requests", "Wire attempts that have ended", by_status, names, "attempts")
    sums = outcomes.group_by(_BY).agg(pl.col("prompt_tokens", "cached_tokens", "completion_tokens", "microusd").sum())
    tokens = sums.rename({"prompt_tokens": "input", "cached_tokens": "cached_input", "completion_tokens": "output"})
    long = tokens.unpivot(["input", "cached_input", "output"], index=_BY, variable_name="kind", value_name="tokens")
    yield _counter("curation_tokens", "Tokens billed; cached input is part of input", long, [*_BY, "kind"], "tokens")
    dollars = sums.with_columns(usd=pl.col("microusd") / 1_000_000)
    yield _counter("curation_usd", "Dollars paid", dollars, _BY, "usd")
    waiting = pl.concat([open_ones for _, open_ones in parts]).group_by(_BY).agg(pl.col("len").sum())
    yield _gauge(
        "curation_requests_open", "Attempts sent that have no outcome: in flight, or lost", waiting, _BY, "len"
    )


def of_engines(leases: Iterable[Lease], now_ms: int) -> Metric:
    """Hours of cards that engines were allocated, by what they did in them; the four states add up."""
    hours: Counter[tuple[str, ...]] = Counter()
    for lease in leases:
        spent = split(lease, now_ms)
        for state in ("starting", "useful", "idle", "wasted"):
            hours[lease.run, lease.endpoint, lease.card, state] += getattr(spent, state)
    in_hours = {names: ms / 3_600_000 for names, ms in hours.items()}
    return _family("curation_gpu_hours", "Hours of cards", ["run", "endpoint", "card", "state"], in_hours)


def of_runs(storage: Storage) -> Iterator[Metric]:
    """Rows by stage and fate, and shards done and planned, of every run."""
    rows, used = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    shards, planned = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for plan in plans.by_start(storage):
        done = plans.chains(storage, plan)
        for manifest in {one.digest: one for chain in done for one in chain}.values():
            rows.update({(plan.run, manifest.stage, *fate): n for fate, n in _fates(manifest)})
            if ASKED_TABLE in manifest.files:
                used[plan.run, manifest.stage] += manifest.files[ASKED_TABLE].rows
        for i, stage in enumerate(plan.stages, start=1):
            shards[plan.run, stage.stage] = sum(len(chain) > i for chain in done)
            planned[plan.run, stage.stage] = len(done)
    yield _family("curation_rows", "Rows by what became of them", [*_STAGE, "fate", "reason"], rows)
    yield _family("curation_replies_used", "Replies that finished shards rest on, bought or found", _STAGE, used)
    yield _family("curation_shards_done", "Shards that a stage has finished", _STAGE, shards)
    yield _family("curation_shards", "Shards of the run", _STAGE, planned)


@contextmanager
def served(storage: Storage, port: int) -> Iterator[int]:
    """The metrics over HTTP on loopback; gives the port."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Curation(storage))
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _fates(manifest: Manifest) -> Iterator[tuple[tuple[str, str], int]]:
    yield ("kept", ""), manifest.kept
    for fate, counts in (("dropped", manifest.dropped), ("quarantined", manifest.quarantined)):
        for reason, n in counts.items():
            yield (fate, reason), n


def _counter(name: str, words: str, frame: pl.DataFrame, labels: list[str], value: str) -> Metric:
    family = CounterMetricFamily(name, words, labels=labels)
    return _filled(family, frame, labels, value)


def _gauge(name: str, words: str, frame: pl.DataFrame, labels: list[str], value: str) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    return _filled(family, frame, labels, value)


def _filled(
    family: CounterMetricFamily | GaugeMetricFamily, frame: pl.DataFrame, labels: list[str], value: str
) -> Metric:
    for *names, number in frame.select(*labels, value).sort(labels).iter_rows():
        family.add_metric([str(name) for name in names], number)
    return family


def _family(name: str, words: str, labels: list[str], counts: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for names, number in sorted(counts.items()):
        family.add_metric(list(names), number)
    return family
