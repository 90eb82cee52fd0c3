"""The topic tree: which chains of labels there are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from tasks.errors import RecipeError
from tasks.models import template

TREE = Path(__file__).with_name("tree.yaml")
EXTENDED = Path(__file__).with_name("extended.yaml")

Tree: TypeAlias = Mapping[str, "Tree"]
"""Labels, each with the tree below it; a leaf's is empty."""


@cache
def topics() -> Tree:
    """The tree of `tree.yaml`, with its root as the only label on top."""
    return grow([yaml.safe_load(template.load(TREE))])


@cache
def extended() -> Tree:
    """The tree of `extended.yaml`, likewise."""
    return grow([yaml.safe_load(template.load(EXTENDED))])


def grow(nodes: Sequence[Any]) -> Tree:
    """A tree from its written form: a list whose items are a label, or a label with the list below it.

    Raises `RecipeError` where an item is neither, or where a label stands twice among siblings.
    """
    tree: dict[str, Tree] = {}
    for node in nodes:
        label, below = _split(node)
        if label in tree:
            raise RecipeError(f"topic tree: {label!r} stands twice among its siblings; remove one")
        tree[label] = grow(below)
    return tree


def _split(node: Any) -> tuple[str, Sequence[Any]]:
    match node:
        case str():
            return node, []
        case dict() if len(node) == 1:
            ((label, below),) = node.items()
            if isinstance(label, str) and isinstance(below, list):
                return label, below
    raise RecipeError(f"topic tree: {node!r} is neither a label nor one label with a list below it")


def chains(tree: Tree, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every chain of labels from the top of `tree` down to any of its nodes, in the tree's order."""
    for label, below in tree.items():
        yield (*above, label)
        yield from chains(below, (*above, label))


def outline(tree: Tree, depth: int = 0) -> str:
    """The tree as an indented list, one label a line."""
    return "\n".join(
        "\n".join(filter(None, (f"{'  ' * depth}- {label}", outline(below, depth + 1))))
        for label, below in tree.items()
    )


def fault(chain: Sequence[str], tree: Tree) -> str | None:
    """Why `chain` is not a path of `tree` from its root to a node below the root; None where it is one."""
    above = "the top"
    for label in chain:
        if label not in tree:
            there = ", ".join(tree) or "none, the chain ends here"
            return f"{label!r} is not a label under {above}; there: {there}"
        tree, above = tree[label], repr(label)
    if len(chain) < 2:
        return f"the chain stops at {above}; go on with one of: {', '.join(tree)}"
    return None
