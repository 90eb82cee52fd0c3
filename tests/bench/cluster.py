"""A Ray cluster of several nodes on one machine: each has a raylet, a loopback address and an object store."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from tests.bench.common import REPOSITORY

_STORE = 128 * 2**20
_TOKEN = secrets.token_hex(32)
"""Asked for by Ray's ports. One for all clusters of a process: Ray reads it once."""


@contextmanager
def cluster(nodes: int, workers: int) -> Iterator[list[int]]:
    """Make a cluster the one of RAY_ADDRESS for the processes that are started within; gives its processes' ids.

    The head is the node of drivers and has no capacity; `workers` CPUs are dealt out among `nodes` others. Without
    nodes there is no cluster, and a run starts Ray for itself.
    """
    if not nodes:
        yield []
        return
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _TOKEN, "PYTHONPATH": str(REPOSITORY)}
    with patch.dict(os.environ, token):
        from ray.cluster_utils import Cluster

        head = {
            "num_cpus": 0,
            "node_ip_address": "127.0.0.2",
            "object_store_memory": _STORE,
            "include_dashboard": False,
        }
        made = Cluster(initialize_head=True, head_node_args=head)
        try:
            for node in range(nodes):
                share = workers // nodes + (node < workers % nodes)
                made.add_node(num_cpus=share, node_ip_address=f"127.0.0.{3 + node}", object_store_memory=_STORE)
            with patch.dict(os.environ, {"RAY_ADDRESS": made.address}):
                yield [
                    process.process.pid
                    for node in made.list_all_nodes()
                    for kind in node.all_processes.values()
                    for process in kind
                ]
        finally:
            made.shutdown()
