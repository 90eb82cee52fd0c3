"""Benchmarks are fetched from a copy of the Hub on disk and from a server of files, and a folder of them is held
against the registry.
"""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import polars as pl
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from flows.__main__ import app
from tasks.decontaminate.registry import COLUMN, Known, registry

PAPER = 17


def said(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["benchmarks", *arguments])


def hub(folder: Path, rows: int) -> Path:
    """A copy of one dataset as Parquet and of another as JSONL, in the Hub's layout."""
    parquet = folder / "openai" / "gsm8k" / "main"
    parquet.mkdir(parents=True)
    questions = [f"What is {i} + {i}?" for i in range(rows)]
    pl.DataFrame({"question": questions}).write_parquet(parquet / "test-00000-of-00001.parquet")
    jsonl = folder / "HuggingFaceH4" / "MATH-500"
    jsonl.mkdir(parents=True)
    lines = [json.dumps({"problem": f"Find ${i}!$."}) + "\n" for i in range(500)]
    (jsonl / "test.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address that a server on loopback gives its files at."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def put(folder: Path, name: str, lines: list[dict[str, object]]) -> None:
    """A benchmark's file where GitHub would have it."""
    known = registry()[name]
    path = folder / str(known.github) / str(known.revision) / known.files[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def test_files_of_github_are_read_at_their_commit(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = served
    put(folder, "cmath", [{"grade": 1, "input": f"{i}加1等于几？", "golden": str(i + 1)} for i in range(600)])
    tail = "\n\n\\end{problem}\n\\noindent"  # as it stands after each question there
    problems = [{f"Problem_{i}": {"question": f"Find ${i}!$.{tail}", "answer": "1"}} for i in range(387)]
    put(folder, "odyssey_math", problems)
    given = ["--folder", str(tmp_path / "b"), "cmath", "odyssey_math"]
    assert said("fetch", *given, "--github", address).exit_code == 0
    verified = said("verify", *given, "--json")
    assert [one["verdict"] for one in json.loads(verified.stdout)] == ["whole", "whole"]
    found = {
        name: [json.loads(line)[COLUMN] for line in (tmp_path / "b" / f"{name}.jsonl").read_text().splitlines()]
        for name in given[2:]
    }
    assert (found["cmath"][3], found["odyssey_math"][386]) == ("3加1等于几？", "Find $386!$.")


def test_what_github_lacks_or_holds_otherwise_is_refused(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = served
    put(folder, "odyssey_math", [{"Problem_1": "no object"}])
    for name, words in (("cmath", "no such file"), ("odyssey_math", "line 1")):
        refused = said("fetch", "--folder", str(tmp_path / "b"), name, "--github", address)
        assert refused.exit_code == 2
        assert words in " ".join(refused.stderr.split())
        assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hub": "openai/gsm8k"}, "either a hub dataset or a github repository"),
        ({"revision": "0484eb9"}, "pattern"),
        ({"revision": None}, "name its revision"),
        ({"files": []}, "at least 1"),
        ({"column": ""}, "at least 1"),
    ],
)
def test_an_entry_that_could_not_be_fetched_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Known.model_validate({**registry()["cmath"].model_dump(), **change})


def test_the_registry_has_the_papers_benchmarks_and_those_it_left_out() -> None:
    known = registry()
    assert sum(one.set == "paper" for one in known.values()) == PAPER
    assert {"aime25", "polymath"} == {name for name, one in known.items() if one.set == "evaluated"}
    listed = json.loads(said("list", "--json").stdout)
    assert list(listed) == list(known)


def test_fetched_benchmarks_are_whole_and_changed_ones_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks"
    names = ["gsm8k", "math500"]
    given = ["--folder", str(folder), *names]
    assert said("fetch", *given, "--hub", str(hub(tmp_path / "hub", 1319))).exit_code == 0
    assert json.loads((folder / "gsm8k.jsonl").read_text(encoding="utf-8").splitlines()[7]) == {
        COLUMN: "What is 7 + 7?"
    }
    verified = said("verify", *given, "--json")
    assert (verified.exit_code, [one["verdict"] for one in json.loads(verified.stdout)]) == (0, ["whole", "whole"])
    before = [one["digest"] for one in json.loads(verified.stdout)]
    path = folder / "math500.jsonl"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(True)[1:]), encoding="utf-8")
    (folder / "gsm8k.jsonl").write_text("{}\n", encoding="utf-8")
    changed = said("verify", *given, "aime24", "--json")
    assert changed.exit_code == 1
    found = json.loads(changed.stdout)
    assert [one["verdict"] for one in found] == ["unreadable", "other_count", "not_there"]
    assert (found[1]["rows"], found[1]["expected"], found[1]["digest"] != before[1]) == (499, 500, True)


def test_csv_and_arrays_of_json_are_read_too(tmp_path: Path) -> None:
    csv = tmp_path / "hub" / "di-zhang-fdu" / "AIME_1983_2024" / "AIME_Dataset_1983_2024.csv"
    array = tmp_path / "hub" / "daman1209arora" / "jeebench" / "test.json"
    for path in (csv, array):
        path.parent.mkdir(parents=True)
    questions = ['Find "x",\nthen y.', *(f"Find z in {i}." for i in range(932))]
    pl.DataFrame({"ID": range(933), "Question": questions}).write_csv(csv)
    array.write_text(json.dumps([{"question": f"Find ${i}!$."} for i in range(515)], indent=1), encoding="utf-8")
    folder = tmp_path / "benchmarks"
    given = ["--folder", str(folder), "aime_1983_2024", "jeebench"]
    assert said("fetch", *given, "--hub", str(tmp_path / "hub")).exit_code == 0
    lines = (folder / "aime_1983_2024.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)[COLUMN] for line in lines] == questions
    verified = json.loads(said("verify", *given, "--json").stdout)
    assert [one["verdict"] for one in verified] == ["whole", "whole"]
    array.write_text("[{", encoding="utf-8")
    refused = said("fetch", "--folder", str(tmp_path / "other"), "jeebench", "--hub", str(tmp_path / "hub"))
    assert "neither a JSON array" in " ".join(refused.stderr.split())


def test_a_dataset_of_another_size_or_none_is_refused(tmp_path: Path) -> None:
    copy = hub(tmp_path / "hub", 7)
    for name, words in (("gsm8k", "7 questions"), ("aime24", "no such file")):
        refused = said("fetch", "--folder", str(tmp_path / "b"), name, "--hub", str(copy))
        assert refused.exit_code == 2
        assert words in " ".join(refused.stderr.split())
        assert not (tmp_path / "b" / f"{name}.jsonl").exists()


@pytest.mark.parametrize("command", ["fetch", "verify"])
def test_a_name_that_nobody_registered_is_refused_with_the_nearest(tmp_path: Path, command: str) -> None:
    refused = said(command, "--folder", str(tmp_path), "gsm8")
    assert refused.exit_code == 2
    assert "did you mean gsm8k" in " ".join(refused.stderr.split())


def test_a_benchmark_that_nobody_counted_is_taken_as_it_is(tmp_path: Path) -> None:
    there = tmp_path / "hub" / "GAIR" / "OlympicArena" / "Math"
    there.mkdir(parents=True)
    for split, count in (("val", 2), ("test", 3)):
        table = pl.DataFrame({"problem": [f"Find the {split} of {i}." for i in range(count)]})
        table.write_parquet(there / f"{split}-00000-of-00001.parquet")
    given = ["--folder", str(tmp_path / "benchmarks"), "olympic_arena"]
    assert said("fetch", *given, "--hub", str(tmp_path / "hub")).exit_code == 0
    (verified,) = json.loads(said("verify", *given, "--json").stdout)
    assert (verified["verdict"], verified["rows"]) == ("unknown_count", 5)
