"""What a data set can be held against: files of one's own, and data sets of the Hub by their ids."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest

from flows.novelty import others
from tasks.errors import SourceError
from tests.tasks.collect.hub_files import serving

POSTS = pl.DataFrame({"problem": ["Find $x$.", " ", "Find $y$."], "solution": ["3", "4", "5"]})


def parquet() -> bytes:
    held = io.BytesIO()
    POSTS.write_parquet(held)
    return held.getvalue()


def test_an_id_of_the_hub_is_read_from_there() -> None:
    files = {"README.md": b"# Set", "data/train-00000-of-00001.parquet": parquet()}
    with serving({"someone/problems": files}) as asked:
        assert others("someone/problems", "problem") == ["Find $x$.", "Find $y$."]
        with pytest.raises(SourceError, match="nobody/nothing"):
            others("nobody/nothing", "problem")
    assert any("resolve" in one and one.endswith("train-00000-of-00001.parquet") for one in asked)


def test_a_file_is_read_where_it_lies_though_its_path_looks_like_an_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "someone").mkdir()
    POSTS.write_ndjson(tmp_path / "someone" / "problems.jsonl")
    monkeypatch.chdir(tmp_path)
    with serving({}) as asked:
        assert others("someone/problems.jsonl", "problem") == ["Find $x$.", "Find $y$."]
        assert others(str(tmp_path / "someone" / "*.jsonl"), "problem") == ["Find $x$.", "Find $y$."]
    assert asked == []
