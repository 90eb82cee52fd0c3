"""Lazy sampling keeps the rows that buying all solutions keeps, whatever the verdicts are."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.prompt import Ask, Prompt, Reply
from tasks.rows.verdict import Verdict
from tasks.solve import saving
from tasks.solve.hope import hopeful
from tasks.solve.solving import Settings, decide, identity
from tasks.verify import consensus
from tasks.verify.outcome import Comparison, Equality, Pair

NAMES = ("answer0", "answer1", "answer2", "source")
PAIRS = tuple(itertools.combinations(NAMES, 2))
VERDICTS = [
    Comparison(Equality.EQUAL, "values"),
    Comparison(Equality.DIFFERENT, "values"),
    Comparison(Equality.UNDECIDED, "words"),
    Comparison(Equality.UNDECIDED, "time or memory"),
]


class Told:
    """Comparisons as they were told, and how many were asked for."""

    def __init__(self, verdicts: Mapping[tuple[str, str], Comparison]) -> None:
        self._verdicts = verdicts

    def compare_all(self, pairs: Sequence[Pair]) -> list[Comparison]:
        return [self._verdicts[min(pair[:2]), max(pair[:2])] for pair in pairs]


def reply(index: int, finish_reason: str = "stop") -> Reply:
    return Reply(
        key=f"k{index}", content=rf"\boxed{{answer{index}}}", reasoning="", finish_reason=finish_reason, model="m"
    )


async def through(row: dict[str, Any], told: Told, finish: Sequence[str], *, lazy: bool) -> tuple[bool, int]:
    """Whether the row is kept by both stages, and how many solutions were bought."""
    asked: list[int] = []

    async def ask(prompt: Prompt, *, sample: int = 0) -> Reply:
        asked.append(sample)
        return reply(sample, finish[sample])

    async def hope(solutions: Sequence[str]) -> bool:
        return hopeful(row, solutions, told)

    wanted: Ask = ask
    solved = await decide(row, wanted, Settings(sampling="lazy" if lazy else "all"), hope if lazy else None)
    if solved.verdict is not Verdict.KEEP:
        return False, len(asked)
    (verified,) = consensus.decide_rows([{**row, **solved.columns}], told, consensus.Settings())
    return verified.verdict is Verdict.KEEP, len(asked)


@pytest.mark.parametrize("source", [None, "source"])
async def test_every_sequence_of_verdicts_keeps_the_same_rows_for_no_more_solutions(source: str | None) -> None:
    row = {"question": "?", "source_answer": source}
    kept = 0
    for verdicts in itertools.product(VERDICTS, repeat=6 if source else 3):
        told = Told(
            dict(zip(PAIRS if source else [pair for pair in PAIRS if "source" not in pair], verdicts, strict=True))
        )
        (full, all_bought), (lazy, bought) = [
            await through(row, told, ["stop"] * 3, lazy=each) for each in (False, True)
        ]
        assert full == lazy
        assert bought <= all_bought == 3
        assert bought == 3 or not full
        kept += full
    assert kept == 1


@given(st.lists(st.sampled_from(["stop", "stop", "length", "content_filter"]), min_size=3, max_size=3))
async def test_a_cut_or_refused_solution_ends_a_rows_hopes(finish: list[str]) -> None:
    told = Told(dict.fromkeys(PAIRS, VERDICTS[0]))
    row = {"question": "?", "source_answer": None}
    (full, _), (lazy, bought) = [await through(row, told, finish, lazy=each) for each in (False, True)]
    assert full == lazy == (finish == ["stop"] * 3)
    assert bought == next((i + 1 for i, reason in enumerate(finish) if reason != "stop"), 3)


async def test_a_first_answer_that_misses_the_sources_is_the_only_one_bought() -> None:
    told = Told({pair: VERDICTS[1 if "source" in pair else 0] for pair in PAIRS})
    assert await through({"question": "?", "source_answer": "source"}, told, ["stop"] * 3, lazy=True) == (False, 1)


def test_sampling_enters_the_identity_only_where_it_is_lazy() -> None:
    assert identity(Settings()) == Settings().model_dump(mode="json", exclude={"sampling", "second_solutions"})
    assert identity(Settings(sampling="lazy"))["verifier"] == consensus.VERSION


@given(st.floats(0, 1), st.integers(1, 5), st.booleans())
def test_the_saving_lies_between_none_and_all_but_the_first(kept: float, solutions: int, source: bool) -> None:
    some, fewest = (count(kept, solutions, source=source) for count in (saving.bought, saving.least))
    assert min(1 if source else 2, solutions) <= fewest <= some + 1e-9 <= solutions + 2e-9
