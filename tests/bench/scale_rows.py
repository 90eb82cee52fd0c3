"""Made-up rows for `tests.bench.scale`: of a hundred some are dropped by each stage, and a few get through.

Rules of the screen take 30, a benchmark 7, the gate 35; the rehearsal's solver has no recording of 24. The other 4
are CHAMP's problems in a story of their own, which it has solved. No two rows are near duplicates.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path

from tasks.models.rehearsal.champ import problems

BENCHMARK_ROWS = 500
_WORDS = (
    *("amber", "basin", "cedar", "delta", "ember", "falcon", "garnet", "harbour", "island", "juniper", "kestrel"),
    *("lantern", "meadow", "nectar", "orchard", "pebble", "quartz", "river", "saffron", "timber", "umber", "valley"),
    *("willow", "yarrow", "zephyr", "anchor", "bramble", "copper", "drift", "elm", "fern", "gorse", "heather"),
)


def repeated(number: int) -> str:
    """A question of the benchmark; `number` counts round."""
    drawn = random.Random(number % BENCHMARK_ROWS)
    a, b, c = (drawn.randrange(100, 100_000) for _ in range(3))
    return (
        f"A garden in {_tale(drawn)} measures ${a}$ by ${b}$ metres and is surrounded by a path whose area is ${c}$ "
        "square metres. What is the width of the path, to the nearest centimetre?"
    )


def _proof(number: int, drawn: random.Random) -> str:
    return f"Prove that $n^3 + {number}n + {drawn.randrange(9, 9_999)}$ is even for infinitely many integers $n$."


def _repeat(number: int, drawn: random.Random) -> str:
    return f"A gardener named {drawn.choice(_WORDS)} {drawn.choice(_WORDS)} told us this. {repeated(number)}"


def _easy(number: int, drawn: random.Random) -> str:
    a, b = drawn.randrange(9, 999), drawn.randrange(9, 999)
    return (
        f"A shop sold {a} apples on Monday and {b} apples on Tuesday at {number} cents each. How many dollars did "
        "the shop take for the apples altogether on the two days?"
    )


def _hard(number: int, drawn: random.Random) -> str:
    a, b = drawn.randrange(9, 9_999), drawn.randrange(9, 9_999)
    return (
        f"Let $p$ be the smallest prime that divides $x^4 + {a}x^2 + {number}$ for at least three integers $x$ modulo"
        f" $p$ with $x > {b}$. Find the remainder when the sum of all possible values of $p$ is divided by ${b}$."
    )


def _known(number: int, drawn: random.Random) -> str:
    every = problems()
    return f"{every[number // 100 % len(every)].text} (From {_tale(drawn)}.)"


_KINDS: tuple[tuple[int, Callable[[int, random.Random], str]], ...] = (
    (30, _proof),
    (37, _repeat),
    (72, _easy),
    (96, _hard),
    (100, _known),
)


def _tale(drawn: random.Random) -> str:
    return f"the {' '.join(drawn.sample(_WORDS, 4))} collection"


def question(number: int) -> str:
    """The question of a row: the same for the same number."""
    place = number * 37 % 100  # each kind is met all along
    kind = next(made for end, made in _KINDS if place < end)
    return kind(number, random.Random(number))


def write(path: Path, numbers: Iterable[int]) -> None:
    """Rows as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": number, "question": question(number)}) + "\n" for number in numbers)


def write_benchmark(path: Path) -> None:
    """The questions that no row may repeat."""
    lines = (json.dumps({"question": repeated(number)}) + "\n" for number in range(BENCHMARK_ROWS))
    path.write_text("".join(lines), encoding="utf-8")
