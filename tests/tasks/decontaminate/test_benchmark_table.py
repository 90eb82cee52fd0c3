import json
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from tasks.decontaminate.benchmarks import Benchmark, BenchmarkTable, load, tabulate
from tasks.decontaminate.settings import Settings
from tasks.errors import CurationError, RecipeError, SourceError

ALPHA = Benchmark(name="alpha", path="alpha.jsonl")
BETA = Benchmark(name="beta", path="beta.jsonl", column="problem")


def lines(column: str, *questions: str) -> bytes:
    return "\n".join(json.dumps({column: question, "answer": "1"}) for question in questions).encode()


def test_questions_of_two_benchmarks_are_one_entry_with_both_names() -> None:
    table = tabulate([(BETA, lines("problem", "Find  $x$.", "Find z.")), (ALPHA, lines("question", "find x"))])
    assert sorted((entry.benchmark, entry.question) for entry in table.entries) == [
        ("alpha+beta", "Find  $x$."),
        ("beta", "Find z."),
    ]
    assert [entry.benchmark_id.split("/")[0] for entry in table.entries] == ["alpha", "beta"]
    assert table.entries == tuple(sorted(table.entries))


def test_order_and_repetition_do_not_change_the_table() -> None:
    one = tabulate([(ALPHA, lines("question", "Find x.", "Find y.")), (BETA, lines("problem", "Find x."))])
    other = tabulate(
        [(BETA, lines("problem", "Find x.")), (ALPHA, lines("question", "Find y.", "Find x.", "Find y."))]
    )
    assert one == other
    assert one.digest == other.digest


def test_the_digest_is_of_the_content() -> None:
    one = tabulate([(ALPHA, lines("question", "Find x."))])
    other = tabulate([(ALPHA, lines("question", "Find x!"))])
    assert one.digest != other.digest
    assert one.digest == BenchmarkTable(one.entries).digest


def test_blank_lines_and_odd_line_breaks_inside_text_are_no_rows() -> None:
    content = '{"question": "Find x,\u2028or y."}\r\n\n'.encode()
    assert [entry.question for entry in tabulate([(ALPHA, content)]).entries] == ["Find x,\u2028or y."]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "alpha.jsonl is empty"),
        (b" \n\n", "alpha.jsonl is empty"),
        (b'{"question": "a"}\nnonsense', "alpha.jsonl, line 2: not a JSON object"),
        (b'{"question": "a"}\n\n["b"]', "line 3: not a JSON object but a list"),
        (b'{"question": "\xff"}', "line 1: not a JSON object"),
        (b'{"problem": "a"}', r"line 1: no column 'question', only \['problem'\]"),
        (b'{"question": null}', "line 1: column 'question' holds no question but None"),
        (b'{"question": "..."}', "line 1: column 'question' holds no question"),
    ],
)
def test_a_bad_file_is_named_with_its_line(content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        tabulate([(ALPHA, content)])


def missing(path: str) -> bytes:
    raise FileNotFoundError(path)


@pytest.mark.parametrize(("read", "error"), [(missing, RecipeError), (lambda path: b"", SourceError)])
def test_load_tells_a_missing_file_from_an_empty_one(
    read: Callable[[str], bytes], error: type[CurationError]
) -> None:
    with pytest.raises(error, match=r"alpha\.jsonl"):
        load([ALPHA], read)


def test_load_reads_each_path() -> None:
    files = {"alpha.jsonl": lines("question", "Find x."), "beta.jsonl": lines("problem", "Find y.")}
    assert {entry.benchmark for entry in load([ALPHA, BETA], files.__getitem__).entries} == {"alpha", "beta"}


@pytest.mark.parametrize("benchmarks", [(), (ALPHA, ALPHA)])
def test_settings_refuse_no_benchmarks_and_equal_names(benchmarks: tuple[Benchmark, ...]) -> None:
    with pytest.raises(ValidationError):
        Settings(benchmarks=benchmarks)
