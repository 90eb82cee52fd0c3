"""The whole system on one machine as plain processes: what a cluster has, under a supervisor, on loopback.

PostgreSQL, Redis, an S3 server, a Prefect server, two Ray nodes, a Prefect worker and Prometheus, as
infra/local/supervisord.conf lists them. This module makes what they need before they start.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from flows import services
from flows.orphans import no_orphans
from flows.runner import REPOSITORY
from tasks.errors import CurationError

CONFIGURATION = REPOSITORY / "infra" / "local" / "supervisord.conf"
ROOT = "s3://curation/root"
"""The storage root on the system's own S3 server; the bucket is made by the first object."""
_PORTS = (
    *("S3_PORT", "S3_GRPC_PORT", "MASTER_PORT", "MASTER_GRPC_PORT", "VOLUME_PORT", "VOLUME_GRPC_PORT"),
    *("FILER_PORT", "FILER_GRPC_PORT", "REDIS_PORT", "RAY_PORT", "RAY_HEAD_METRICS_PORT", "RAY_WORKER_METRICS_PORT"),
    *("METRICS_PORT", "PROMETHEUS_PORT", "PREFECT_PORT"),
)
_FIRST_PORTS = range(20_000, 32_000)
"""Above those of Ray's workers, below those of outgoing connections: what is free now is free at the next start."""
_OWNER_ONLY = 0o600
_USER_OF_POSTGRES = 1000
_SECONDS_TO_STOP = 90


@contextmanager
def system(state: Path, port: int, workers: int) -> Iterator[tuple[Mapping[str, str], subprocess.Popen[str]]]:
    """The whole system, its data in `state`; gives the environment that its processes have, and the supervisor.

    Port 0: any free one for the Prefect UI, the same at every start.

    Raises `CurationError` if a program is missing or nothing comes up.
    """
    state.mkdir(parents=True, exist_ok=True)
    state = state.resolve()
    with no_orphans(), tempfile.TemporaryDirectory(prefix="curation-") as run:  # short: names of sockets are
        env = environment(state, Path(run), port, workers)
        prepare(state, env)
        command = [str(Path(env["BIN"]) / "supervisord"), "-c", str(CONFIGURATION)]
        log = Path(env["LOGS"]) / "supervisord.out"
        with services.child(command, log=log, env=dict(env), piped=False, patience=_SECONDS_TO_STOP) as process:
            services.wait_for(f"{env['PREFECT_API_URL']}/health", process, log)
            yield env, process


def environment(state: Path, run: Path, port: int, workers: int) -> dict[str, str]:
    """What the processes find in their environment. Ports and passwords are chosen at the first start and kept."""
    chosen = _chosen(state / "chosen.json")
    port = port or int(chosen["PREFECT_PORT"])
    redis = f"redis://:{chosen['PASSWORD']}@127.0.0.1:{chosen['REDIS_PORT']}"
    return {
        **{name: chosen[name] for name in _PORTS},
        "STATE": str(state),
        "RUN": str(run),
        "LOGS": str(state / "log"),
        "BIN": str(Path(sys.executable).parent),
        "REPOSITORY": str(REPOSITORY),
        "ROOT": ROOT,
        "WORKERS": str(workers),
        "PYTHONPATH": str(REPOSITORY),
        "POSTGRES": str(_postgres()),
        "AS_ANOTHER": " ".join(_as_another()),
        "RAY_ADDRESS": f"127.0.0.2:{chosen['RAY_PORT']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": chosen["PASSWORD"],
        "PREFECT_HOME": str(state / "prefect"),
        "PREFECT_PORT": str(port),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://curation@/postgres?host={run}",
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_URL": f"{redis}/0",
        "PREFECT_SERVER_DOCKET_URL": f"{redis}/1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{chosen['S3_PORT']}",
        "AWS_ACCESS_KEY_ID": "curation",
        "AWS_SECRET_ACCESS_KEY": chosen["PASSWORD"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }


def prepare(state: Path, env: Mapping[str, str]) -> None:
    """Make what the processes need before they start: folders, a database cluster, configurations."""
    for name in ("log", "s3", "prefect", "prometheus"):
        (state / name).mkdir(exist_ok=True)
    if not (state / "postgres" / "PG_VERSION").exists():
        made = [
            f"{env['POSTGRES']}/initdb",
            "-D",
            str(state / "postgres"),
            *["-U", "curation", "-A", "trust", "-E", "UTF8"],
        ]
        done = subprocess.run([*_as_another(), *made], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CurationError(f"PostgreSQL's initdb failed:\n{(done.stdout + done.stderr)[-2000:]}")
    redis = {
        "bind": "127.0.0.1",
        "port": env["REDIS_PORT"],
        "requirepass": env["AWS_SECRET_ACCESS_KEY"],
        "dir": str(state),
        "save": '""',
    }
    _write(state / "redis.conf", "".join(f"{name} {value}\n" for name, value in redis.items()))
    _write(state / "prometheus.yml", yaml.safe_dump(_scraping(env)))


def _scraping(env: Mapping[str, str]) -> dict[str, object]:
    """infra/prometheus/prometheus.yml with this system's addresses."""
    folder = REPOSITORY / "infra" / "prometheus"
    given = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))
    nodes = [f"127.0.0.2:{env['RAY_HEAD_METRICS_PORT']}", f"127.0.0.3:{env['RAY_WORKER_METRICS_PORT']}"]
    where = {
        "curation": {"static_configs": [{"targets": [f"127.0.0.1:{env['METRICS_PORT']}"]}]},
        "ray": {"static_configs": [{"targets": nodes}]},
    }
    jobs = [{"job_name": job["job_name"], **where.get(job["job_name"], job)} for job in given["scrape_configs"]]
    return {**given, "rule_files": [str(folder / "rules.yml")], "scrape_configs": jobs}


def _chosen(path: Path) -> dict[str, str]:
    if not path.exists():
        first = next(one for one in random.sample(_FIRST_PORTS, len(_FIRST_PORTS)) if _all_free(one, len(_PORTS)))
        ports = {name: str(first + i) for i, name in enumerate(_PORTS)}
        _write(path, json.dumps({**ports, "PASSWORD": secrets.token_hex(32)}))
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _all_free(first: int, count: int) -> bool:
    with ExitStack() as stack:
        for port in range(first, first + count):
            try:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                return False
    return True


def _postgres() -> Path:
    """The folder of PostgreSQL's programs; Debian keeps them out of the PATH. Raises `CurationError`."""
    for program, package in (("redis-server", "redis-server"), ("prometheus", "prometheus")):
        if shutil.which(program) is None:
            raise CurationError(f"{program} is not installed; apt-get install {package}")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    on_path = shutil.which("postgres")
    if not found and on_path is None:
        raise CurationError("PostgreSQL is not installed; apt-get install postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


def _as_another() -> list[str]:
    """PostgreSQL refuses to be root, so root is another user in its eyes. Nobody else needs it."""
    if os.geteuid():
        return []
    return ["unshare", "--user", f"--map-user={_USER_OF_POSTGRES}", f"--map-group={_USER_OF_POSTGRES}"]


def _write(path: Path, text: str) -> None:
    path.touch(_OWNER_ONLY)
    path.write_text(text, encoding="utf-8")
