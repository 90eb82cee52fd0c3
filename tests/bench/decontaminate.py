"""What decontamination and near duplicates cost: `make bench-decontaminate`.

The texts are sentences about numbers, put together at random, each with a number of its own so that nothing can be
remembered. Prints one JSON object; rates are per second of one processor, and by the clock where it says so. The last
part reckons from them what 2.869 million rows would take, the paper's pool.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise, product
from typing import Any

import datasketch
import faiss
import numpy as np
import torch

from tasks.collect import semantic
from tasks.collect.near import repeats
from tasks.collect.texts import Text
from tasks.decontaminate.benchmarks import Benchmark, tabulate
from tasks.decontaminate.judging import decide
from tasks.decontaminate.neighbours import NearestIndex, find
from tasks.decontaminate.settings import Settings
from tasks.embedding.embed import Embedder, EmbedderSettings, Vectors, embedder, packaged_model
from tasks.models.prompt import Prompt, Reply
from tasks.rows.problem import problem_id

PAPER_ROWS = 2_869_000
PAPER_BENCHMARK_ROWS = 30_000
GPUS = 8
TFLOPS_OF_A_GPU = 148
"""An H20's in bf16, by its data sheet."""
SHARE_OF_THEM = 0.1
"""What short texts leave of them: an assumption, and a cautious one."""
ASSUMED = f"H20, {TFLOPS_OF_A_GPU} TFLOPS in bf16 by its data sheet, {SHARE_OF_THEM:.0%} of them used"
NO_ONNX = "not measured: it takes two more libraries, and on a GPU nothing waits for the embedder"
FLOP_OF_A_TEXT = 2 * 21.3e6 * 100
"""Two for each of the 21.3 million weights of MiniLM's layers and each of 100 tokens."""
SENTENCES = (
    "A train with {} cars leaves at {} o'clock and travels {} miles an hour.",
    "Find the number of positive integers below {} that are divisible by {} but not by {}.",
    "Let $x$ and $y$ be real numbers with $x + {}y = {}$ and $x^2 - y^2 = {}$.",
    "A bag holds {} red, {} blue and {} green marbles, and two of them are drawn at once.",
    "How many of them are left when the last one has been counted?",
    "What is the largest possible value of $\\frac{{x}}{{y}}$ under these conditions?",
)
WORDS = ["".join(sounds) for sounds in product("bdfgklmnprst", "aeiou", "bdfgklmnprst")]


def texts(count: int, seed: int) -> list[str]:
    """Different problems of about 80 tokens, each in words of its own: else all would be of a few templates."""
    drawn = random.Random(seed)
    made = [" ".join((*drawn.sample(SENTENCES, 3), *drawn.choices(WORDS, k=6))) for _ in range(count)]
    return [f"{one.format(*(drawn.randrange(3, 999) for _ in range(12)))} ({seed}.{i})" for i, one in enumerate(made)]


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Processor seconds and clock seconds of some work."""
    began, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - began, time.perf_counter() - clock


def per_second(count: int, work: Callable[[], Any]) -> int:
    """Of `count`, how many a processor second."""
    return round(count / seconds(work)[0])


def embedding(given: Sequence[str]) -> dict[str, Any]:
    """The project's embedder as shipped, in batches and in bf16, beside sentence-transformers' own."""
    from sentence_transformers import SentenceTransformer

    shipped = EmbedderSettings()
    plain = SentenceTransformer(str(packaged_model(shipped.name, shipped.revision)), device="cpu")
    found: dict[str, Any] = {"texts": len(given)}
    made: dict[str, Vectors] = {}
    ways = {
        "one at a time, fp32 (as shipped)": shipped,
        "batches of 32, fp32": EmbedderSettings(batch=32),
        "batches of 32, bf16": EmbedderSettings(batch=32, dtype="bfloat16"),
    }
    for name, settings in ways.items():
        own = embedder(settings)
        own.windows(given[:8])

        def embed(own: Embedder = own, name: str = name) -> None:
            made[name] = np.stack([windows[0] for windows in own.windows(given)])

        found[name] = per_second(len(given), embed)
    found["batches of 32, fp32, sentence-transformers alone"] = per_second(
        len(given), lambda: plain.encode(list(given), batch_size=32)
    )
    exact, *_, short = made.values()
    found["ONNX"] = NO_ONNX
    found["least cosine of bf16 to fp32"] = round(float((exact * short).sum(axis=1).min()), 5)
    return found


def search(rows: int, queries: int) -> dict[str, Any]:
    """The project's exact search beside plain FAISS, on vectors drawn at random."""
    drawn = np.random.default_rng(1)
    vectors = drawn.normal(size=(rows + queries, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    base, asked = vectors[:rows], vectors[rows:]
    own = NearestIndex([vector[np.newaxis] for vector in base])
    plain = faiss.IndexFlatIP(384)
    plain.add(base)
    return {
        "rows": rows,
        "queries": queries,
        "the project, k=5": per_second(queries, lambda: [own.search(one[np.newaxis], 5) for one in asked]),
        "plain FAISS, one at a time": per_second(
            queries, lambda: [plain.search(one[np.newaxis], 5) for one in asked]
        ),
        "plain FAISS, all at once": per_second(queries, lambda: plain.search(asked, 5)),
    }


async def _different(prompt: Prompt, *, sample: int = 0) -> Reply:
    """A judge that costs nothing: what is measured is everything around it."""
    content = '{"reason": "none", "verdict": "different"}'
    return Reply(
        key=str(sample), content=content, reasoning="", finish_reason="stop", model=str(len(prompt.messages))
    )


def stage(rows: int, questions: int) -> dict[str, Any]:
    """The whole stage but for the judge's own time, and its share outside of embedding and search."""
    lines = "\n".join(json.dumps({"question": one}) for one in texts(questions, seed=2))
    table = tabulate([(Benchmark(name="b", path="b"), lines.encode())])
    settings = Settings(benchmarks=(Benchmark(name="b", path="b"),))
    given = [{"problem_id": problem_id(one), "question": one, "original": one} for one in texts(rows, seed=3)]
    find(given[:1], table, settings)  # builds the index

    async def judge(found: Sequence[Any]) -> None:
        for row, near in zip(given, found, strict=True):
            await decide({**row, "neighbours": near}, _different, settings)

    questions = [row["question"] for row in given]
    vectors: dict[str, Vectors] = {}

    def embed() -> None:
        vectors.update(zip(questions, embedder(settings.embedder).windows(questions), strict=True))

    embedded = seconds(embed)[0]
    base = NearestIndex(embedder(settings.embedder).windows([one.question for one in table.entries]))
    searched = seconds(lambda: [base.search(one, settings.k) for one in vectors.values()])[0]
    found: list[Any] = []
    looked_up = seconds(lambda: found.extend(find(given, table, settings, of_rows=lambda _: vectors)))[0]
    judged = seconds(lambda: asyncio.run(judge(found)))[0]
    whole = embedded + looked_up + judged
    return {
        "rows": rows,
        "benchmark questions": len(table.entries),
        "rows per second": round(rows / whole, 1),
        "milliseconds a row: embedding": round(1000 * embedded / rows, 2),
        "milliseconds a row: search": round(1000 * searched / rows, 2),
        "milliseconds a row: proofs and tables": round(1000 * (looked_up - searched) / rows, 2),
        "milliseconds a row: ten prompts and their answers": round(1000 * judged / rows, 2),
        "share outside of embedding and search": round(1 - (embedded + searched) / whole, 3),
    }


def _none(texts: Sequence[Text]) -> dict[str, Vectors]:
    raise AssertionError(f"{len(texts)} texts with a number of their own have a candidate")


def near(rows: int) -> dict[str, Any]:
    """Duplicates of a pool. Rows of which each has numbers of its own need no MinHash; where all have the same,
    `datasketch` may be held against it."""
    own_numbers = [Text(str(i), text, "1") for i, text in enumerate(texts(rows, seed=4))]
    drawn = random.Random(5)
    one_group = [Text(str(i), " ".join(drawn.choices(WORDS, k=60)), "1") for i in range(rows)]

    def alone() -> None:
        index = datasketch.MinHashLSH(num_perm=128, params=(32, 4))
        for text in one_group:
            words = text.question.split()
            sketch = datasketch.MinHash(num_perm=128, seed=1, scheme="affine32")
            sketch.update_batch([" ".join(pair).encode() for pair in pairwise(words)])
            index.query(sketch)
            index.insert(text.row_id, sketch)

    return {
        "rows": rows,
        "the project, numbers of their own": per_second(rows, lambda: repeats([], own_numbers, 0.6)),
        "the project, all with the same numbers": per_second(rows, lambda: repeats([], one_group, 0.6)),
        "datasketch alone": per_second(rows, alone),
        "semantic duplicates, up to the embedding": per_second(
            rows, lambda: semantic.repeats([], own_numbers, 0.9, _none)
        ),
    }


def paper(measured: dict[str, Any]) -> dict[str, Any]:
    """What the paper's pool would take, with a GPU's rate reckoned from operations, not measured."""
    rate = TFLOPS_OF_A_GPU * 1e12 * SHARE_OF_THEM / FLOP_OF_A_TEXT
    texts_to_embed = 2 * PAPER_ROWS
    one = measured["stage"]
    rest = one["milliseconds a row: proofs and tables"] + one["milliseconds a row: ten prompts and their answers"]
    rates = measured["near duplicates"]
    near_duplicates = PAPER_ROWS * (
        1 / rates["the project, numbers of their own"] + 1 / rates["the project, all with the same numbers"] / 6
    )
    asked = measured["search"]["the project, k=5"] * measured["search"]["rows"] / PAPER_BENCHMARK_ROWS
    return {
        "rows": PAPER_ROWS,
        "a GPU, assumed": ASSUMED,
        "texts a second of one GPU, by that": round(rate),
        "minutes to embed both texts of each row, 8 GPUs": round(texts_to_embed / rate / GPUS / 60, 1),
        "core hours to search for both texts of each row": round(texts_to_embed / asked / 3600, 1),
        "core hours of everything else but the judge": round(PAPER_ROWS * rest / 3.6e6, 1),
        "core hours of near duplicates, a sixth with the same numbers": round(near_duplicates / 3600, 2),
        "judgements, both orders of five pairs": 10 * PAPER_ROWS,
        "judgements, one call about all five and no second order": PAPER_ROWS,
    }


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.decontaminate", description="Rates of the stage")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    part = 10 if parser.parse_args(arguments).quick else 1
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    measured: dict[str, Any] = {
        "embedding": embedding(texts(1000 // part, seed=1)),
        "search": search(30_000, 1000 // part),
        "stage": stage(1000 // part, 3000 // part),
        "near duplicates": near(20_000 // part),
    }
    measured["on paper"] = paper(measured)
    measured["peak memory, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(measured, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
