"""A server on loopback that answers the Hub's HTTP calls for reading files of data sets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec

SHA = "9d8d210c9f6a36c8f3cd84045668c9b7800ef517"
"""The one commit of every data set."""
Sets = Mapping[str, Mapping[str, bytes]]
"""Files of data sets: bytes by name, by owner/name."""


@contextmanager
def serving(sets: Sets, commit: str = SHA) -> Iterator[list[str]]:
    """Have `hf://` read from a server of these data sets (and models); gives what it was asked, method and path."""
    known = fsspec.config.conf.get("hf")
    with _Server(sets, commit) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        fsspec.config.conf["hf"] = {"endpoint": f"http://127.0.0.1:{server.server_port}"}
        fsspec.get_filesystem_class("hf").clear_instance_cache()
        try:
            yield server.asked
        finally:
            fsspec.config.conf.pop("hf")
            if known is not None:
                fsspec.config.conf["hf"] = known
            fsspec.get_filesystem_class("hf").clear_instance_cache()
            server.shutdown()


class _Server(ThreadingHTTPServer):
    def __init__(self, sets: Sets, commit: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sets, self.commit = sets, commit
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    """repo info, tree, paths-info and resolve, for one commit of each, as huggingface.co answers."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer(json_paths=self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, json_paths: bytes = b"") -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        match = re.fullmatch(
            r"/(?:api/)?(?:(?:datasets|models)/)?([^/]+/[^/]+)"
            r"(?:/(revision|tree|paths-info|resolve)/([^/]+)/?(.*))?",
            path,
        )
        held = self.server.sets.get(match[1]) if match else None
        if not match or held is None or match[3] not in (None, "main", self.server.commit):
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif match[2] == "resolve":
            self._file(held.get(match[4]))
        elif match[2] == "tree":
            folders = {name.rpartition("/")[0] for name in held} - {""}
            entries = [{"type": "directory", "oid": "0" * 40, "path": one} for one in folders]
            self._send(200, json.dumps(entries + [entry(name, held[name]) for name in held]).encode())
        elif match[2] == "paths-info":
            asked = json.loads(json_paths)["paths"] if json_paths[:1] == b"{" else []
            self._send(200, json.dumps([entry(name, held[name]) for name in asked if name in held]).encode())
        else:
            siblings = [{"rfilename": name} for name in held]
            self._send(
                200,
                json.dumps({"id": match[1], "sha": self.server.commit, "siblings": siblings, "tags": []}).encode(),
            )

    def _file(self, data: bytes | None) -> None:
        if data is None:
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        named = {
            "ETag": f'"{sha256(data).hexdigest()}"',
            "X-Repo-Commit": self.server.commit,
            "Accept-Ranges": "bytes",
        }
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted:
            self._send(200, data, named)
            return
        start, end = int(wanted[1]), min(int(wanted[2] or len(data) - 1), len(data) - 1)
        named["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
        self._send(206, data[start : end + 1], named)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def entry(name: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "oid": "0" * 40, "size": len(data), "path": name}
