"""A server that speaks the calls of the Hugging Face Hub that an upload makes, over real HTTP on loopback.

It keeps repositories, small files and large objects, tells by an object's digest whether it has it, refuses commits
that name objects it lacks, and can break off in the middle of an upload.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import yaml


class Hub(ThreadingHTTPServer):
    """What the server has, and what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.objects: dict[str, bytes] = {}
        self.large: set[tuple[str, str]] = set()
        self.commits: list[str] = []
        self.uploads: list[str] = []
        self.fails_after: int | None = None
        self.token = "hf_test"  # noqa: S105 - of this server only

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def hub() -> Iterator[Hub]:
    """A running server."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["Authorization"] != f"Bearer {self.server.token}":
            self._say(401, {"error": "who are you?"})
            return
        place = self.path.split("?")[0]
        if place == "/api/repos/create":
            self._create(json.loads(body))
        elif place == "/api/validate-yaml":
            self._check_head(json.loads(body))
        elif place.endswith("/info/lfs/objects/batch"):
            self._batch(json.loads(body))
        elif place.startswith("/api/datasets/"):
            _, _, _, owner, name, call, *_ = place.split("/")
            repository = f"{owner}/{name}"
            if repository not in self.server.repositories:
                self._say(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
                return
            {"preupload": self._preupload, "commit": self._commit, "paths-info": self._paths}[call](repository, body)
        else:
            self._say(404, {"error": place})

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        if server.fails_after is not None and len(server.uploads) >= server.fails_after:
            self._say(403, {"error": "the store is closed"})
            return
        digest = self.path.rsplit("/", 1)[-1]
        if hashlib.sha256(data).hexdigest() != digest:
            self._say(400, {"error": "other bytes than announced"})
            return
        server.objects[digest] = data
        server.uploads.append(digest)
        self._say(200, {})

    def _create(self, wanted: dict[str, Any]) -> None:
        repository = f"{wanted['organization']}/{wanted['name']}"
        if wanted["type"] != "dataset":
            self._say(400, {"error": "not a data set"})
            return
        exists = repository in self.server.repositories
        self.server.repositories.setdefault(repository, {})
        self.server.private.setdefault(repository, wanted.get("visibility") == "private")
        self._say(409 if exists else 200, {"url": f"{self.server.address}/datasets/{repository}"})

    def _check_head(self, wanted: dict[str, Any]) -> None:
        head = yaml.safe_load(wanted["content"].split("---")[1])
        errors = [] if "license" in head else [{"message": "license is missing"}]
        self._say(400 if errors else 200, {"errors": errors, "warnings": []})

    def _preupload(self, repository: str, body: bytes) -> None:
        del repository
        modes = [
            {
                "path": one["path"],
                "uploadMode": "lfs" if one["path"].endswith(".parquet") else "regular",
                "shouldIgnore": False,
            }
            for one in json.loads(body)["files"]
        ]
        self._say(200, {"files": modes})

    def _batch(self, wanted: dict[str, Any]) -> None:
        objects = []
        for one in wanted["objects"]:
            answer: dict[str, Any] = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.server.objects:
                answer["actions"] = {"upload": {"href": f"{self.server.address}/store/{one['oid']}", "header": {}}}
            objects.append(answer)
        self._say(200, {"transfer": "basic", "objects": objects})

    def _commit(self, repository: str, body: bytes) -> None:
        files: dict[str, bytes] = {}
        large: set[tuple[str, str]] = set()
        words = ""
        for line in body.splitlines():
            said = json.loads(line)
            value = said["value"]
            if said["key"] == "header":
                words = value["summary"]
            elif said["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif value["oid"] in self.server.objects:
                files[value["path"]] = self.server.objects[value["oid"]]
                large.add((repository, value["path"]))
            else:
                self._say(400, {"error": f"no object {value['oid']}"})
                return
        self.server.repositories[repository].update(files)
        self.server.large |= large
        self.server.commits.append(words)
        self._say(200, {"commitUrl": f"{self.server.address}/datasets/{repository}/commit/1", "commitOid": "1" * 40})

    def _paths(self, repository: str, body: bytes) -> None:
        found = []
        for path in parse_qs(body.decode())["paths"]:
            data = self.server.repositories[repository].get(path)
            if data is None:
                continue
            blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()  # noqa: S324 - git's own
            one: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob}
            if (repository, path) in self.server.large:
                one["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            found.append(one)
        self._say(200, found)

    def _say(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {**(headers or {}), "Content-Length": str(len(data))}.items():
            self.send_header(name, text)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *given: Any) -> None:
        del format, given
