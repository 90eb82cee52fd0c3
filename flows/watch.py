"""Looks at a run while it goes, and shows what it sees in the Prefect UI.

Everything shown is read from the storage root, so it is what the ledger and the manifests say, on a retry too.
Looking is bounded: it takes at most a tenth of the time, and a look that fails is not the run that fails. So that
looks stay short, and the next run's start too, the log's small files are merged whenever there are many.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from flows.alerts import Alerts
from flows.board import Board
from flows.plan import Plan
from flows.view import View
from tasks import world
from tasks.ledger.compaction import compact
from tasks.ledger.contents import contents
from tasks.ledger.fold import FEW_SEGMENTS
from tasks.rows.memory import give_back
from tasks.world import Where

SECONDS_BETWEEN_LOOKS = 3.0
MANY_SEGMENTS = FEW_SEGMENTS
"""Up to so many a look reads once; merging them takes longer than a few looks."""
SECONDS_BETWEEN_REPORTS = 300.0
"""A report is drawn from all that a run has made so far, so it takes longer than a look."""
_SHARE_OF_TIME = 0.1
_log = logging.getLogger(__name__)


@contextmanager
def shown(plan: Plan, where: Where) -> Iterator[View]:
    """Keep the artifacts of this flow run up to date while the block runs; a last time when it has ended.

    The report follows in its own pace. Whoever cancels a run gets an end and no last report.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("there is no flow run to show anything in")
    with get_client(sync_client=True) as client:
        flow_run = context.flow_run.id
        board, alerts = Board(client, flow_run), Alerts(plan.run, flow_run)
        view = View(world.storage(where.root), plan, board, alerts)
        stop = threading.Event()
        # in this context, for it says which Prefect server is in use: without it, an event would start another
        here = copy_context()
        watcher = threading.Thread(target=here.run, args=(_watch, view, where.root, stop), name="watch", daemon=True)
        watcher.start()
        is_cancelled = False
        try:
            yield view
        except BaseException as fault:
            is_cancelled = not isinstance(fault, Exception)
            raise
        finally:
            stop.set()
            watcher.join()
            if not is_cancelled:
                _tidy(where.root)
            _look(view)
            if not is_cancelled:
                view.reported()


def _watch(view: View, root: str, stop: threading.Event) -> None:
    pause, reported = 0.0, time.monotonic()
    while not stop.wait(pause):
        _tidy(root)
        began = time.monotonic()
        _look(view)
        if began - reported >= SECONDS_BETWEEN_REPORTS:
            view.reported()
            reported = time.monotonic()
        give_back()
        pause = max(SECONDS_BETWEEN_LOOKS, (time.monotonic() - began) / _SHARE_OF_TIME)


def _tidy(root: str) -> None:
    """Merge the log's segments if they are many. What fails is tried again at the next look, or run."""
    try:
        storage = world.storage(root)
        if len(contents(storage).segments) > MANY_SEGMENTS:
            compact(storage)
            give_back()
    except Exception as fault:  # whatever it is: the run goes on with many small files
        _log.warning("the log's small files could not be merged: %s: %s", type(fault).__name__, fault)


def _look(view: View) -> None:
    try:
        view.update()
    except Exception as fault:  # whatever it is: the run goes on without being shown
        _log.warning("the run could not be shown: %s: %s", type(fault).__name__, fault)
