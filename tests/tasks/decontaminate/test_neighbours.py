import json
from collections.abc import Sequence
from importlib.resources import files

import numpy as np
import pytest

from tasks.decontaminate.benchmarks import Benchmark, BenchmarkTable, Neighbour, tabulate
from tasks.decontaminate.neighbours import NearestIndex, find
from tasks.decontaminate.settings import Settings
from tasks.embedding.embed import EmbedderSettings, Vectors, embedder

CHAMP = Benchmark(name="champ", path="champ.jsonl")
SETTINGS = Settings(benchmarks=(CHAMP,))


@pytest.fixture(scope="module")
def problems() -> list[str]:
    raw = json.loads(files("champ_dataset").joinpath("dataset_files/v0.json").read_text(encoding="utf-8"))
    return [problem["_text"] for problem in raw["problems"].values()]


@pytest.fixture(scope="module")
def table(problems: list[str]) -> BenchmarkTable:
    """The last 90 problems; the first 100 are the rows."""
    return tabulate([(CHAMP, "\n".join(json.dumps({"question": text}) for text in problems[-90:]).encode())])


def row(original: str, question: str | None = None) -> dict[str, str]:
    return {"problem_id": "p", "original": original, "question": original if question is None else question}


def some_windows(random: np.random.Generator, owners: int) -> list[Vectors]:
    """Random unit vectors, 1 to 4 an owner; every third owner repeats another one's, so that there are ties."""
    out: list[Vectors] = []
    for owner in range(owners):
        vectors = random.normal(size=(random.integers(1, 5), 16)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        out.append(out[random.integers(0, owner)] if owner % 3 == 2 else vectors)
    return out


def brute_force(index: Sequence[Vectors], query: Vectors, k: int) -> list[tuple[int, float]]:
    scores = [round(float((query.astype(np.float64) @ one.astype(np.float64).T).max()), 5) for one in index]
    order = sorted(range(len(index)), key=lambda owner: (-scores[owner], owner))[:k]
    return [(owner, scores[owner]) for owner in order]


@pytest.mark.parametrize("seed", range(8))
def test_search_agrees_with_brute_force_ties_included(seed: int) -> None:
    random = np.random.default_rng(seed)
    windows = some_windows(random, owners=60)
    index = NearestIndex(windows)
    for query in (*windows[:10], *some_windows(random, owners=10)):
        found, expected = list(index.search(query, 5).items()), brute_force(windows, query, 5)
        assert [owner for owner, _ in found] == [owner for owner, _ in expected]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1.1e-5)


def test_ties_beyond_any_depth_go_to_the_lowest_owners() -> None:
    one: Vectors = np.eye(1, 8, dtype=np.float32)
    assert list(NearestIndex([-one, *[one] * 200]).search(one, 3)) == [1, 2, 3]


def test_an_owner_of_many_windows_takes_one_place() -> None:
    axes: Vectors = np.eye(6, dtype=np.float32)
    many: Vectors = np.repeat(axes[:1], 300, axis=0)
    query: Vectors = np.asarray([[0.8, 0.6, 0, 0, 0, 0]], dtype=np.float32)
    assert NearestIndex([axes[2:3], many, axes[1:2]]).search(query, 2) == {1: 0.8, 2: 0.6}


def test_fewer_owners_than_k_are_all_found() -> None:
    axes: Vectors = np.eye(3, dtype=np.float32)
    assert NearestIndex([axes[:1], axes[1:]]).search(axes[2:], 5) == {1: 1.0, 0: 0.0}


def test_neighbours_do_not_depend_on_the_shard(problems: list[str], table: BenchmarkTable) -> None:
    rows = [row(text) for text in problems[:100]]
    whole = find(rows, table, SETTINGS)
    rows.reverse()
    pieces = [found for start in range(0, 100, 7) for found in find(rows[start : start + 7], table, SETTINGS)]
    assert whole == pieces[::-1]
    assert {len(found) for found in whole} == {5}


def test_neighbours_agree_with_brute_force_on_real_texts(problems: list[str], table: BenchmarkTable) -> None:
    model = embedder(EmbedderSettings())
    windows = model.windows([entry.question for entry in table.entries])
    texts = problems[:20]
    for text, query, found in zip(
        texts, model.windows(texts), find([row(text) for text in texts], table, SETTINGS), strict=True
    ):
        expected = brute_force(windows, query, 5)
        assert [one["benchmark_id"] for one in found] == [table.entries[i].benchmark_id for i, _ in expected], text
        assert [one["score"] for one in found] == pytest.approx([score for _, score in expected], abs=1.1e-5)


def buried(question: str, words: int) -> str:
    """The question inside a chatty post of about so many words."""
    talk = (
        "Hello everybody, I have been reading my lecture notes again and I am still confused about how this works. "
        "My teacher said that we should look at small cases first and then guess a pattern, but the pattern breaks. "
        "A friend suggested to draw a picture, to write an equation for every condition and to eliminate unknowns. "
        "I tried that for two evenings, filled several pages with algebra and always ended up with a contradiction. "
    )
    prose = (talk * (words // len(talk.split()) + 1)).split()[:words]
    middle = words // 2 + 7
    return " ".join([*prose[:middle], question, *prose[middle:]])


def test_a_benchmark_question_buried_in_a_long_post_is_found(table: BenchmarkTable) -> None:
    entries = table.entries[::30]
    found = find([row(buried(entry.question, words=2000)) for entry in entries], table, SETTINGS)
    for entry, neighbours in zip(entries, found, strict=True):
        assert entry.benchmark_id in [one["benchmark_id"] for one in neighbours], entry.question


def ids(neighbours: list[Neighbour]) -> list[str]:
    return [one["benchmark_id"] for one in neighbours]


def test_original_and_question_are_both_looked_up(problems: list[str], table: BenchmarkTable) -> None:
    one, other = problems[3], problems[60]
    [both], [first], [second] = (
        find([row(*texts)], table, SETTINGS) for texts in ((one, other), (one, one), (other, other))
    )
    assert set(ids(both)) == set(ids(first)) | set(ids(second))
    assert [one["score"] for one in both] == sorted((one["score"] for one in both), reverse=True)


def test_an_equal_text_comes_first_even_if_only_the_original_is_equal(
    problems: list[str], table: BenchmarkTable
) -> None:
    entry = table.entries[10]
    [neighbours] = find([row(f"  {entry.question.upper()} ", problems[0])], table, SETTINGS)
    assert neighbours[0]["benchmark_id"] == entry.benchmark_id
    assert [one["proof"] for one in neighbours] == ["exact"] + [None] * (len(neighbours) - 1)
