"""What every test may rely on: nothing leaves this machine, no real key is at hand, and S3 is a real server."""

import ipaddress
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import s3fs
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a busy one is slow, and that is no fault of the code
if "CI" not in os.environ:  # there hypothesis has a profile of its own: no deadlines, and always the same examples
    settings.load_profile("any machine")

REPOSITORY = Path(__file__).parents[1]
LABELLED_DATA = Path(os.environ.get("LABELLED_DATA", REPOSITORY.parent / "shared" / "data"))


class LeftThisMachine(RuntimeError):
    """A test tried to reach another machine. Not an OSError, so that no retry can swallow it."""


def _is_here(address: Any) -> bool:
    """Whether a socket address belongs to this machine: only such an address can be bound."""
    if not isinstance(address, tuple):
        return True
    host = address[0]
    if host in ("localhost", socket.gethostname()):
        return True
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        return False
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


@pytest.fixture(autouse=True, scope="session")
def nothing_leaves_this_machine() -> Iterator[None]:
    """Connecting to, or looking up, another machine is an error. A datagram socket's connect sends nothing."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(address: Any) -> None:
        if not _is_here(address):
            raise LeftThisMachine(f"a test tried to reach {address}; use a server on the loopback address")

    def checked_connect(self: socket.socket, address: Any) -> None:
        if self.type != socket.SOCK_DGRAM:
            check(address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        if self.type != socket.SOCK_DGRAM:
            check(address)
        return connect_ex(self, address)

    def checked_look_up(host: Any, *rest: Any, **named: Any) -> Any:
        if host:
            check((host.decode() if isinstance(host, bytes) else host, 0))
        return look_up(host, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        patch.setattr(socket, "getaddrinfo", checked_look_up)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_real_keys() -> Iterator[None]:
    """Processes that tests start inherit the environment, so it holds no key that could be charged."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.endswith(("_KEY", "_KEY_ID", "_TOKEN", "_SECRET")) or name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
                patch.delenv(name)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def labelled_data() -> Path:
    """The folder of labelled data, or skip."""
    if not LABELLED_DATA.is_dir():
        pytest.skip(f"no labelled data in {LABELLED_DATA}; set LABELLED_DATA")
    return LABELLED_DATA


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _start_s3(folder: Path, key: str, secret: str) -> tuple[subprocess.Popen[bytes], str]:
    """SeaweedFS with its S3 gateway on free ports: it enforces signatures and `If-None-Match`."""
    config = folder / "s3.json"
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    credentials = [{"accessKey": key, "secretKey": secret}]
    config.write_text(json.dumps({"identities": [{"name": "t", "credentials": credentials, "actions": actions}]}))
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    ports = dict(zip((*names, "s3.port", "s3.port.grpc"), _free_ports(8), strict=True))
    log = (folder / "weed.log").open("wb")
    command = [
        *(str(Path(sys.executable).with_name("weed")), "server", f"-dir={folder}", "-ip=127.0.0.1"),
        *("-ip.bind=127.0.0.1", "-s3", "-s3.autoCreateBucket=false", f"-s3.config={config}"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-volume.max=100", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"),
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    with log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    return server, f"http://127.0.0.1:{ports['s3.port']}"


def _await_s3(server: subprocess.Popen[bytes], log: Path, bucket: str) -> None:
    """Return once the server has made a bucket and stored an object in it."""
    deadline = time.monotonic() + 60
    while True:
        try:
            files = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
            files.mkdir(bucket)
            files.pipe_file(f"{bucket}/ready", b"ready")
        except Exception as fault:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"the S3 server did not start; its log ends:\n{log.read_text()[-3000:]}"
                ) from fault
            time.sleep(0.1)
        else:
            return


@contextmanager
def s3_server(folder: Path) -> Iterator[Callable[[], str]]:
    """A function that gives a fresh, empty `s3://` root on a real server, which ends with the block.

    Address and credentials are in the environment, where clients and child processes find them.
    """
    folder.mkdir(exist_ok=True)
    key, secret = secrets.token_hex(8), secrets.token_hex(16)
    server, address = _start_s3(folder, key, secret)
    with pytest.MonkeyPatch.context() as patch:
        settings = {"ENDPOINT_URL": address, "ACCESS_KEY_ID": key, "SECRET_ACCESS_KEY": secret}
        regions = {"REGION": "us-east-1", "DEFAULT_REGION": "us-east-1"}
        for name, value in {**settings, **regions, "ALLOW_HTTP": "true"}.items():
            patch.setenv(f"AWS_{name}", value)
        try:
            _await_s3(server, folder / "weed.log", "tests")
            yield lambda: f"s3://tests/{secrets.token_hex(6)}"
        finally:
            server.kill()  # it takes 18 seconds to heed SIGTERM, and nothing it holds is wanted
            server.wait()


@pytest.fixture(scope="session")
def s3_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Fresh roots on an S3 server of this test run. Tests that use it are `slow`."""
    with s3_server(tmp_path_factory.mktemp("s3")) as fresh:
        yield fresh
