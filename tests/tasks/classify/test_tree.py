from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tasks.classify.tree import chains, extended, fault, grow, outline, topics
from tasks.errors import RecipeError

DATA = Path(os.environ.get("LABELLED_DATA") or Path(__file__).resolve().parents[3].parent / "shared" / "data")
TREE = topics()
CHAINS = list(chains(TREE))


def test_every_node_is_reached_by_one_chain_and_only_the_root_alone_is_no_topic() -> None:
    assert len(CHAINS) == len(set(CHAINS))
    assert [chain for chain in CHAINS if fault(chain, TREE)] == [("Mathematics",)]


def test_chains_have_two_to_six_labels_and_other_only_last() -> None:
    assert {len(chain) for chain in CHAINS} == {1, 2, 3, 4, 5, 6}
    assert not [chain for chain in CHAINS if "Other" in chain[:-1]]


def test_labels_are_clean_text_that_cannot_be_taken_for_the_separator() -> None:
    labels = {label for chain in CHAINS for label in chain}
    assert all(label == " ".join(label.split()) and "->" not in label for label in labels)


@pytest.mark.parametrize(
    "chain",
    [
        "Mathematics -> Calculus -> Integral Calculus -> Techniques of Integration -> Multi-variable",
        "Mathematics -> Applied Mathematics -> Statistics -> Probability -> Counting Methods -> Combinations",
        "Mathematics -> Precalculus -> Limits",
        "Mathematics -> Algebra -> Lie Algebras",
        "Mathematics -> Number Theory -> Divisibility",
        "Mathematics -> Differential Equations",
        "Mathematics -> Other",
    ],
)
def test_published_chains_are_in_the_tree(chain: str) -> None:
    assert fault(chain.split(" -> "), TREE) is None


@pytest.mark.parametrize(
    "chain",
    [
        "Mathematics -> Analysis -> Real Analysis",
        "Mathematics -> Analysis -> Complex Analysis",
        "Mathematics -> Analysis -> Functional Analysis",
        "Mathematics -> Analysis -> Measure Theory",
        "Mathematics -> Topology -> Algebraic Topology",
        "Mathematics -> Geometry -> Algebraic Geometry",
        "Mathematics -> Algebra -> Category Theory and Homological Algebra",
        "Mathematics -> Algebra -> Representation Theory",
        "Mathematics -> Numerical Analysis",
        "Mathematics -> Optimisation",
        "Mathematics -> Probability and Statistics -> Stochastic Processes",
    ],
)
def test_the_extended_tree_has_a_place_for_what_the_papers_has_not(chain: str) -> None:
    assert fault(chain.split(" -> "), extended()) is None
    assert fault(chain.split(" -> "), TREE)


def test_labels_of_the_extended_tree_are_clean_and_unique() -> None:
    every = list(chains(extended()))
    assert len(every) == len(set(every)) > 100
    assert max(map(len, every)) <= 4
    assert all(label == " ".join(label.split()) and "->" not in label for chain in every for label in chain)


@pytest.mark.parametrize(
    ("chain", "why"),
    [
        ([], "stops at the top"),
        (["Mathematics"], "stops at 'Mathematics'"),
        (["Algebra", "Prealgebra"], "'Algebra' is not a label under the top"),
        (["Mathematics", "Prealgebra"], "'Prealgebra' is not a label under 'Mathematics'"),
        (["Mathematics", "algebra"], "'algebra' is not a label"),
        (["Mathematics", "Other", "Topology"], "the chain ends here"),
        (["Mathematics", "Precalculus", "Other"], "there: Functions, Limits, Trigonometric Functions"),
    ],
)
def test_what_is_no_path_is_told_where_it_leaves_the_tree(chain: list[str], why: str) -> None:
    assert why in (fault(chain, TREE) or "")


def test_the_outline_indents_by_depth_and_has_a_line_for_every_node() -> None:
    lines = outline(TREE).splitlines()
    assert lines == [f"{'  ' * (len(chain) - 1)}- {chain[-1]}" for chain in CHAINS]


@pytest.mark.parametrize(
    "nodes",
    [
        ["A", "A"],
        ["A", {"A": ["B"]}],
        [{"A": ["B", "B"]}],
        [{"A": "B"}],
        [{"A": ["B"], "C": []}],
        [7],
        [{7: ["A"]}],
        [None],
    ],
)
def test_a_tree_that_is_written_wrongly_is_refused(nodes: list[Any]) -> None:
    with pytest.raises(RecipeError, match="topic tree"):
        grow(nodes)


@pytest.mark.labelled
@pytest.mark.skipif(not (DATA / "raw" / "omni_math.jsonl").exists(), reason="no labelled data")
def test_the_tree_knows_the_chains_that_omni_math_was_labelled_with() -> None:
    """Its labeller left its own tree in about one chain of twenty ("Probability" under the wrong parent, ...)."""
    lines = (DATA / "raw" / "omni_math.jsonl").read_text(encoding="utf-8").splitlines()
    given = [chain.split(" -> ") for line in lines for chain in json.loads(line)["topic"]]
    known = sum(fault(chain, TREE) is None for chain in given)
    assert len(given) > 3000
    assert known / len(given) > 0.95
