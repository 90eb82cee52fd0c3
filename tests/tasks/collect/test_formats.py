"""One shape whatever the format: JSON Lines, Parquet, CSV and TSV, compressed, local, on S3, by glob."""

import bz2
import csv
import gzip
import io
import json
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest
from backports import zstd

from tasks.collect.opening import rows
from tasks.collect.source import Columns, RawRow, Source
from tasks.collect.task import collect
from tasks.errors import SourceError
from tasks.world import Where

POSTS = [
    {"question": "What is $1+1$?", "answer": "2", "id": "a", "kind": "sum"},
    {"question": "Find $x$:\n\"x = 'é', 3\"", "answer": None, "id": "b", "kind": "sum"},
    {"question": "What is $2+2$?", "answer": "4", "id": "c", "kind": "other"},
]


def jsonl(posts: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(post).encode() + b"\n" for post in posts)


def parquet(posts: list[dict[str, Any]]) -> bytes:
    held = io.BytesIO()
    pl.DataFrame(posts).write_parquet(held, row_group_size=500)
    return held.getvalue()


def separated(posts: list[dict[str, Any]], separator: str = ",") -> bytes:
    held = io.StringIO()
    lines = csv.DictWriter(held, list(posts[0]), delimiter=separator)
    lines.writeheader()
    lines.writerows(posts)
    return held.getvalue().encode()


def tsv(posts: list[dict[str, Any]]) -> bytes:
    return separated(posts, "\t")


FORMATS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "jsonl": jsonl, "parquet": parquet, "csv": separated, "tsv": tsv,
}  # fmt: skip
COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd.compress,
}  # fmt: skip


def texts(found: list[RawRow]) -> list[tuple[str, str | None, str]]:
    return [(row.question, row.answer, row.source_id) for row in found]


EXPECTED = [(post["question"], post["answer"], post["id"]) for post in POSTS]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"posts.{kind}"
    path.write_bytes(FORMATS[kind](POSTS))
    assert texts(list(rows(Source(name="own", path=str(path))))) == EXPECTED


@pytest.mark.parametrize("ending", COMPRESSED)
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_text_may_be_compressed(tmp_path: Path, kind: str, ending: str) -> None:
    path = tmp_path / f"posts.{kind}{ending}"
    path.write_bytes(COMPRESSED[ending](FORMATS[kind](POSTS)))
    assert texts(list(rows(Source(name="own", path=str(path))))) == EXPECTED


def test_a_glob_is_read_file_by_file_and_equal_rows_of_two_files_are_two_rows(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.csv", "c.parquet"):
        (tmp_path / name).write_bytes(FORMATS[name.split(".")[1]](POSTS))
    found = list(rows(Source(name="own", path=f"{tmp_path}/*")))
    assert [row.locator.split(":")[0] for row in found] == ["a.csv"] * 3 + ["b.jsonl"] * 3 + ["c.parquet"] * 3
    assert texts(found) == EXPECTED * 3
    assert len({row.row_id for row in found}) == 9


def test_columns_and_a_filter_choose(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    path.write_bytes(parquet(POSTS))
    source = Source(
        name="own", path=str(path), columns=Columns(question="question", id="kind"), where={"kind": ["sum"]}
    )
    assert [row.source_id for row in rows(source)] == ["sum", "sum"]


def test_a_worked_solution_gives_the_answer_where_there_is_none(tmp_path: Path) -> None:
    posts = [
        {"question": "a", "output": r"So \(x = 4\), hence the answer is $\boxed{4}$.", "answer": None},
        {"question": "b", "output": r"Thus $\boxed{5}$", "answer": "6"},
        {"question": "c", "output": "It follows by symmetry, try it.", "answer": None},
    ]
    (tmp_path / "posts.jsonl").write_bytes(jsonl(posts))
    source = Source(name="own", path=f"{tmp_path}/posts.jsonl", columns=Columns(solution="output"))
    assert [row.answer for row in rows(source)] == ["4", "6", None]


@pytest.mark.parametrize(
    ("name", "data", "place", "fault"),
    [
        ("p.csv", b"id,question\r\n1,a\r\n2,b,c\r\n3,d\r\n", "p.csv:3", "3 fields"),
        ("p.csv", b"id,question\r\n1,a\r\n2,\xff\r\n3,d\r\n", "p.csv:3", "surrogates"),
        ("p.csv", b'id,question\r\n1,a\r\n2,"b"x\r\n3,d\r\n', "p.csv:3", "not CSV"),
        ("p.csv", b"id,question\r\n1,a\r\n2," + b"x" * 2**21 + b"\r\n3,d\r\n", "p.csv:3", "larger than field limit"),
        ("p.parquet", parquet([{"question": q} for q in ("a", None, "d")]), "p.parquet:2", "no text in field"),
        ("p.parquet", parquet([{"question": q} for q in ("a", "x" * 2**20, "d")]), "p.parquet:2", "the limit is"),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_of_with_its_place_and_the_others_go_on(
    tmp_path: Path, name: str, data: bytes, place: str, fault: str
) -> None:
    (tmp_path / name).write_bytes(data)
    found = list(rows(Source(name="own", path=str(tmp_path / name))))
    assert [row.question for row in found if row.fault is None] == ["a", "d"]
    (bad,) = [row for row in found if row.fault is not None]
    assert bad.locator == place
    assert fault in str(bad.fault)


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("p.parquet", b"no parquet", "no Parquet file"),
        ("p.parquet", parquet([{"text": "a"}]), "none of the columns"),
        ("p.csv", b"text,more\n1,2\n", "names none of the columns"),
        ("p.jsonl.zst", zstd.compress(jsonl(POSTS * 200))[:-20], "cannot be read"),
        ("p.jsonl.bz2", bz2.compress(jsonl(POSTS * 200))[:-20], "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_stops_before_anything_is_written(
    tmp_path: Path, name: str, data: bytes, fault: str
) -> None:
    (tmp_path / name).write_bytes(data)
    root = tmp_path / "root"
    with pytest.raises(SourceError, match=fault):
        collect.fn([Source(name="own", path=str(tmp_path / name))], Where(root=str(root), run="r"))
    assert not root.exists()


_MEASURE = """
import resource, sys
from collections import deque
from tasks.collect.opening import rows
from tasks.collect.source import Source
for path in sys.argv[1:]:
    deque(rows(Source(name="own", path=path)), maxlen=1)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file with 64 MB of text takes at most 30 MiB more than a small one of its format."""
    paths = []
    for count in (500, 8_000):
        posts = [{"question": f"{n} " + "x" * 8000, "id": str(n)} for n in range(count)]
        for name, data in {"p.csv.gz": gzip.compress(separated(posts), 1), "p.parquet": parquet(posts)}.items():
            paths.append(tmp_path / f"{count}-{name}")
            paths[-1].write_bytes(data)
    command = [sys.executable, "-c", _MEASURE, *map(str, paths)]
    peaks = [int(one) // 1024 for one in subprocess.run(command, check=True, capture_output=True).stdout.split()]
    assert peaks[-1] - peaks[1] < 30


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_sources_on_s3(s3_root: Callable[[], str], kind: str) -> None:
    root = s3_root()
    for part in (1, 2):
        with fsspec.open(f"{root}/in/part-{part}.{kind}", "wb") as file:
            file.write(FORMATS[kind](POSTS))
    found = list(rows(Source(name="own", path=f"{root}/in/part-*.{kind}")))
    assert texts(found) == EXPECTED * 2
