"""Data sets of the Hub, read from a local server that answers the Hub's HTTP calls."""

import io
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest
from pydantic import ValidationError

from tasks.collect.opening import files, rows
from tasks.collect.presets import presets
from tasks.collect.source import Hub, Source
from tasks.collect.splits import files_of
from tasks.errors import SourceError
from tests.tasks.collect.hub_files import SHA, serving


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


@pytest.fixture
def hub() -> Iterator[list[str]]:
    """A Hub on loopback; gives what was asked of it."""
    with serving(SETS) as asked:
        yield asked


def test_a_split_of_a_pinned_revision_is_read_through_the_preset(hub: list[str]) -> None:
    source = Source(name="numina", preset="numina-math-cot")
    assert source.hub == Hub(id="AI-MO/NuminaMath-CoT", revision=SHA)
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
    found = list(rows(Source.model_validate({"name": "web", "preset": "webinstructsub", "hub": {"revision": SHA}})))
    assert [(row.question, row.answer) for row in found] == [("0?", "1"), ("3?", "1")]
    assert hub


def test_a_hub_that_cannot_be_reached_is_told_as_the_source_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setitem(fsspec.config.conf, "hf", {"endpoint": f"http://127.0.0.1:{nobody.getsockname()[1]}"})
        fsspec.get_filesystem_class("hf").clear_instance_cache()
        with pytest.raises(SourceError, match=r"NuminaMath-CoT.* cannot be listed"):
            files(Source(name="numina", preset="numina-math-cot"))
        with pytest.raises(SourceError, match=r"web.jsonl: cannot be read"):
            list(rows(Source(name="web", path="hf://datasets/TIGER-Lab/WebInstructSub/web.jsonl")))
    fsspec.get_filesystem_class("hf").clear_instance_cache()


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


def test_every_preset_is_a_source_of_the_hub_at_a_commit_or_at_none() -> None:
    pinned = set()
    for name in presets():
        source = Source.model_validate({"name": "x", "preset": name})
        assert source.hub
        assert source.licence != "unknown"
        if source.hub.revision is not None:
            assert re.fullmatch(r"[0-9a-f]{40}", source.hub.revision)
            pinned.add(name)
    assert pinned == {"mmiqc", "numina-math-cot"}


def test_a_preset_without_a_commit_asks_for_one_and_takes_main_too(hub: list[str]) -> None:
    given = {"name": "web", "preset": "webinstructsub"}
    with pytest.raises(SourceError, match=r"'webinstructsub' pins no commit of TIGER-Lab/WebInstructSub; name"):
        list(rows(Source.model_validate(given)))
    assert not hub
    named = Source.model_validate({**given, "hub": {"revision": "main"}})
    assert len(list(rows(named))) == 2
    assert len(list(rows(Source(name="web", hub=Hub(id="TIGER-Lab/WebInstructSub"))))) == 4


def test_a_preset_that_is_unknown_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="did you mean 'numina-math-cot'"):
        Source(name="x", preset="numina-math")
    with pytest.raises(ValidationError, match="either a path or a hub"):
        Source(name="x")
    local = Source(name="x", preset="mmiqc", path=str(tmp_path / "mine.jsonl"))
    assert (local.hub, local.columns.question) == (None, "instruction")
