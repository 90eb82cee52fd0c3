"""The solver replays what was recorded, of the problem that was asked, and never looks at the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.models.rehearsal import solver
from tasks.models.rehearsal.champ import ChampProblem, problems
from tasks.models.rehearsal.recall import recall
from tasks.models.rehearsal.solver import different_recordings, solve


def champ(problem_id: str) -> ChampProblem:
    return next(problem for problem in problems() if problem.id == problem_id)


def test_270_problems_in_natural_order() -> None:
    ids = [problem.id for problem in problems()]
    assert len(ids) == 270
    assert ids[:3] == ["P_Combinatorics_1", "P_Combinatorics_2", "P_Combinatorics_3"]
    assert ids.index("P_Sequence_9") + 1 == ids.index("P_Sequence_10")


def test_samples_are_different_recordings_and_come_round() -> None:
    for problem in problems():
        takes = different_recordings(problem)
        assert len({take.solution for take in takes}) == len(takes) >= 4
    text = champ("P_Number-Theory_32").text
    assert solve(text, 0) != solve(text, 1)
    assert solve(text, 0) == solve(text, len(different_recordings(champ("P_Number-Theory_32"))))


def test_a_solution_names_its_recording_and_boxes_the_recorded_answer() -> None:
    found = solve(champ("P_Number-Theory_32").text, 1)
    assert found.content.startswith("[rehearsal: recorded GPT-4 Turbo answer, setting 5-Shot, from CHAMP]\n")
    assert found.content.endswith("\\boxed{5}")
    assert champ("P_Number-Theory_32").gold == "2"
    assert "Fermat" in found.reasoning
    assert found.finish_reason == "stop"


def test_the_gold_answer_has_no_influence() -> None:
    before = champ("P_Number-Theory_32")
    take = different_recordings(before)[0]
    assert different_recordings(replace(before, gold="nonsense"))[0] == take


def test_a_recording_that_was_cut_is_cut() -> None:
    found = solve(champ("P_Number-Theory_2").text, 0)
    assert found.finish_reason == "length"
    assert "\\boxed" not in found.content
    assert found.reasoning


@pytest.mark.parametrize(
    ("post", "problem_id"),
    [
        (
            "Hi! How many subsets of $\\{1, 2, \\ldots, 10\\}$ contain no two successive numbers? Thanks!",
            "P_Combinatorics_5",
        ),
        ("Determine the remainder of $x^{100}-2x^{51}+1$ on division by $x^2-1$.", "P_Polynomial_7"),
        ("What is the value of $3^{105}+4^{105} \\bmod 7$?", "P_Number-Theory_22"),
        ("What is the value of $3^{105}+4^{105} \\bmod 13$?", "P_Number-Theory_37"),
        ("For positive integers m, n find the minimum of $|36^m-5^n|$.", "P_Number-Theory_13"),
    ],
)
def test_a_reworded_problem_is_recalled(post: str, problem_id: str) -> None:
    found = recall(post)
    assert found is not None
    assert found.id == problem_id


@pytest.mark.parametrize(
    "post",
    [
        "",
        "What is the value of $3^{105}+4^{105} \\bmod 17$?",
        "Find the area of a triangle with sides 3, 4 and 5.",
        "If $x = 2y$ and $y \\neq 0$, what is the value of $(x-y)(2x+y)$?",
        "Let $a,$ $b,$ and $c$ be positive real numbers. Find the minimum value of $(a+b)^2 + (a+b+4c)^2$.",
    ],
)
def test_an_unknown_problem_has_no_recording(post: str) -> None:
    assert recall(post) is None
    assert solve(post, 0) == solver.Solution(
        reasoning="", content="[rehearsal: no recording of this problem]", finish_reason="stop"
    )


def test_how_many_recordings_are_boxed() -> None:
    """A change of a rule that loses boxes, or that boxes everything, shows here."""
    boxed = [sum("\\boxed{" in solve(problem.text, k).content for problem in problems()) for k in range(3)]
    assert all(225 <= count <= 255 for count in boxed)
