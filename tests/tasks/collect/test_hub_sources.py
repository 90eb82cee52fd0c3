"""Data sets of the Hub, read from a local server that answers the Hub's HTTP calls."""

import io
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec
import polars as pl
import pytest
from pydantic import ValidationError

from tasks.collect.opening import files, rows
from tasks.collect.presets import presets
from tasks.collect.source import Hub, Source
from tasks.collect.splits import files_of
from tasks.errors import SourceError

SHA = "9d8d210c9f6a36c8f3cd84045668c9b7800ef517"


def parquet(posts: list[dict[str, Any]]) -> bytes:
    held = io.BytesIO()
    pl.DataFrame(posts).write_parquet(held)
    return held.getvalue()


NUMINA = {
    "README.md": b"# NuminaMath CoT",
    "data/train-00000-of-00002.parquet": parquet([
        {"source": "olympiads", "problem": "Find $x$.", "solution": r"So $x=\boxed{3}$.", "messages": "long"},
    ]),
    "data/train-00001-of-00002.parquet": parquet([
        {"source": "aops_forum", "problem": "Prove it.", "solution": "Clear.", "messages": "long"},
    ]),
    "data/test-00000-of-00001.parquet": parquet([
        {"source": "math", "problem": "Never read.", "solution": "", "messages": "long"},
    ]),
}  # fmt: skip
WEB = {"train.jsonl": b"".join(
    json.dumps({"question": f"{n}?", "answer": r"\boxed{1}", "source": source}).encode() + b"\n"
    for n, source in enumerate(["mathstackexchange", "socratic", "stackexchange", "mathstackexchange"])
)}  # fmt: skip
SETS = {"AI-MO/NuminaMath-CoT": NUMINA, "TIGER-Lab/WebInstructSub": WEB}


class _Hub(BaseHTTPRequestHandler):
    """repo info, tree, paths-info and resolve, for one commit of each data set, as huggingface.co answers them."""

    protocol_version = "HTTP/1.1"
    asked: list[str] = []  # noqa: RUF012

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
        self.asked.append(f"{self.command} {path}")
        match = re.fullmatch(
            r"/(?:api/)?datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info|resolve)/([^/]+)/?(.*))?", path
        )
        held = SETS.get(match[1]) if match else None
        if not match or held is None or match[3] not in (None, "main", SHA):
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
            self._send(200, json.dumps({"id": match[1], "sha": SHA, "siblings": siblings, "tags": []}).encode())

    def _file(self, data: bytes | None) -> None:
        if data is None:
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        named = {"ETag": '"e"', "X-Repo-Commit": SHA, "Accept-Ranges": "bytes"}
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


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A Hub on loopback; gives what was asked of it."""
    _Hub.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setitem(fsspec.config.conf, "hf", {"endpoint": f"http://127.0.0.1:{server.server_port}"})
        fsspec.get_filesystem_class("hf").clear_instance_cache()
        yield _Hub.asked
        server.shutdown()
        fsspec.get_filesystem_class("hf").clear_instance_cache()


def test_a_split_of_a_pinned_revision_is_read_through_the_preset(hub: list[str]) -> None:
    source = Source(name="numina", preset="numina-math-cot", hub=Hub(id="AI-MO/NuminaMath-CoT", revision=SHA))
    assert [one.rsplit("/", 1)[-1] for one in files(source)] == [
        "train-00000-of-00002.parquet", "train-00001-of-00002.parquet",
    ]  # fmt: skip
    found = list(rows(source))
    assert [(row.question, row.answer, row.licence) for row in found] == [
        ("Find $x$.", "3", "Apache-2.0"), ("Prove it.", None, "Apache-2.0"),
    ]  # fmt: skip
    assert any(f"/resolve/{SHA}/data/train-00000-of-00002.parquet" in one for one in hub)
    assert not any("test-00000" in one and "resolve" in one for one in hub)


def test_the_filter_of_a_preset_leaves_other_origins_out(hub: list[str]) -> None:
    found = list(rows(Source(name="web", preset="webinstructsub")))
    assert [(row.question, row.answer) for row in found] == [("0?", "1"), ("3?", "1")]
    assert hub


def test_a_url_of_the_hub_is_a_path_too(hub: list[str]) -> None:
    source = Source(name="web", path="hf://datasets/TIGER-Lab/WebInstructSub/*.jsonl", preset="webinstructsub")
    assert len(list(rows(source))) == 2
    assert hub


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"id": "AI-MO/NuminaMath-CoT", "split": "validation"}, "no files of split 'validation'"),
        ({"id": "nobody/nothing"}, "nobody/nothing"),
    ],
)
def test_what_the_hub_lacks_is_named(hub: list[str], given: dict[str, str], fault: str) -> None:
    with pytest.raises(SourceError, match=fault):
        list(rows(Source(name="x", hub=given)))  # type: ignore[arg-type]
    assert hub


@pytest.mark.parametrize(
    ("names", "split", "expected"),
    [
        (["a.jsonl", "b.csv", "README.md"], "train", ["a.jsonl", "b.csv"]),
        (["train.jsonl", "train.parquet"], "train", ["train.parquet"]),
        (["train/0.jsonl", "test/0.jsonl"], "test", ["test/0.jsonl"]),
        (["constrained.jsonl", "testing.csv"], "train", []),
    ],
)
def test_files_of_a_split(names: list[str], split: str, expected: list[str]) -> None:
    if expected:
        assert files_of(names, split) == expected
    else:
        with pytest.raises(ValueError, match="no files of split"):
            files_of(names, split)


def test_every_preset_is_a_source_of_the_hub() -> None:
    for name in presets():
        source = Source.model_validate({"name": "x", "preset": name})
        assert source.hub
        assert source.licence != "unknown"


def test_a_preset_that_is_unknown_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="did you mean 'numina-math-cot'"):
        Source(name="x", preset="numina-math")
    with pytest.raises(ValidationError, match="either a path or a hub"):
        Source(name="x")
    local = Source(name="x", preset="mmiqc", path=str(tmp_path / "mine.jsonl"))
    assert (local.hub, local.columns.question) == (None, "instruction")
