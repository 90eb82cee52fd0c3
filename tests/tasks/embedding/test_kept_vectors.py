import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.decontaminate import neighbours
from tasks.decontaminate.benchmarks import Benchmark, tabulate
from tasks.decontaminate.neighbours import find
from tasks.decontaminate.settings import Settings
from tasks.embedding.embed import EmbedderSettings, Vectors, embedder
from tasks.embedding.vectors import KeptVectors, of_rows
from tasks.errors import StorageError
from tasks.rows.storage import Storage

SETTINGS = EmbedderSettings()
TEXTS = ["Find $x$ if $x + 1 = 3$.", "How many primes are below 100?", "long " * 300]


class Counting:
    """The real embedder, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> list[Vectors]:
        self.asked += texts
        return embedder(SETTINGS).windows(texts)


def test_a_text_is_embedded_once_for_a_root(storage: Storage) -> None:
    first, second = Counting(), Counting()
    made = KeptVectors(storage, SETTINGS, embed=first).windows(TEXTS[:2])
    again = KeptVectors(storage, SETTINGS, embed=second).windows([TEXTS[1], TEXTS[2], TEXTS[0]])
    assert (first.asked, second.asked) == (TEXTS[:2], [TEXTS[2]])
    assert [one.tobytes() for one in (again[2], again[0])] == [one.tobytes() for one in made]
    assert len(again[1]) > 1
    assert again[1].tobytes() == embedder(SETTINGS).windows([TEXTS[2]])[0].tobytes()


def test_another_embedder_finds_nothing_of_it(storage: Storage) -> None:
    KeptVectors(storage, SETTINGS, embed=Counting()).windows(TEXTS[:1])
    other = Counting()
    KeptVectors(storage, SETTINGS.model_copy(update={"window": 64, "overlap": 16}), embed=other).windows(TEXTS[:1])
    assert other.asked == TEXTS[:1]


def test_two_at_once_agree(storage: Storage) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: KeptVectors(storage, SETTINGS, embed=Counting()).windows(TEXTS), range(2))
    assert [vectors.tobytes() for vectors in one] == [vectors.tobytes() for vectors in other]
    assert len(storage.list("vectors")) == 1


def test_damaged_vectors_are_a_fault_of_the_storage(storage: Storage) -> None:
    KeptVectors(storage, SETTINGS, embed=Counting()).windows(TEXTS[:1])
    [name] = storage.list("vectors")
    folder = name.rpartition("/")[0]
    storage.create(f"{folder}/damaged.parquet", b"PAR1")
    with pytest.raises(StorageError, match="damaged"):
        KeptVectors(storage, SETTINGS, embed=Counting()).windows(TEXTS[:1])


def test_neighbours_are_the_same_with_kept_vectors_and_in_any_batches(storage: Storage) -> None:
    bench = Benchmark(name="b", path="b.jsonl")
    lines = "\n".join(json.dumps({"question": f"What is {i} times the sum of {i} primes?"}) for i in range(20))
    table = tabulate([(bench, lines.encode())])
    rows = [{"original": text, "question": text} for text in (*TEXTS, "What is 7 times the sum of 7 primes, please?")]
    settings = Settings(benchmarks=(bench,))
    plain = find(rows, table, settings)
    kept = KeptVectors(storage, SETTINGS, embed=Counting())
    neighbours._build.cache_clear()
    assert [one for row in rows for one in find([row], table, settings, kept.windows)] == plain


def test_texts_of_rows_are_kept_by_ranges_of_buckets_whatever_the_shards(storage: Storage) -> None:
    rows = [(f"{bucket:03x}{'0' * 61}", [text]) for bucket, text in zip((0, 63, 64), TEXTS, strict=True)]
    counted = Counting()

    def kept(part: str) -> KeptVectors:
        return KeptVectors(storage, SETTINGS, part, counted)

    alone = of_rows(rows[:1], kept)
    assert len(storage.list("vectors")) == 1
    together = of_rows(rows, kept)
    assert counted.asked == TEXTS
    assert list(together) == TEXTS
    assert together[TEXTS[0]].tobytes() == alone[TEXTS[0]].tobytes()
    assert {name.rpartition("/")[0][-7:] for name in storage.list("vectors")} == {"rows/00", "rows/01"}
