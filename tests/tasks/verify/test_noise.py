"""Markup that means nothing changes no verdict."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.verify.compare import compare
from tasks.verify.outcome import Equality
from tasks.verify.rules import quick
from tests.tasks.verify.test_probes import probes

PAIRS = [(left, right) for left, right, _ in probes() if '"answer"' not in left + right]
"""The project's own probes, but for the ends of JSON replies: noise round those is no LaTeX."""
Noise = Callable[[str], str]


def _sized(text: str) -> str:
    return re.sub(r"(?<!\\)\)", r"\\right)", re.sub(r"(?<!\\)\(", r"\\left(", text))


NOISE: dict[str, Noise] = {
    "dollars": lambda text: f"${text}$",
    "two dollars": lambda text: f"$${text}$$",
    "parentheses of LaTeX": lambda text: rf"\({text}\)",
    "brackets of LaTeX": lambda text: rf"\[ {text} \]",
    "box": lambda text: rf"\boxed{{{text}}}",
    "white space": lambda text: f" \n{text}\t ",
    "end of a sentence": lambda text: f"{text}.",
    "left and right": _sized,
    "dfrac": lambda text: re.sub(r"\\frac(?![a-z])", r"\\dfrac", text),
    "tfrac": lambda text: re.sub(r"\\frac(?![a-z])", r"\\tfrac", text),
    "spaces at signs": lambda text: re.sub(r"(?<=[\w)}]) ?([+=]) ?(?=[\w(\\])", r" \1 ", text),
    "thin spaces at signs": lambda text: re.sub(r"(?<=[\w)}]) ?([+=]) ?(?=[\w(\\])", r"\\,\1\\;", text),
    "negative space": lambda text: re.sub(r"(?<=[\w)}])\+(?=[\w(\\])", r"\\!+", text),
    "displaystyle": lambda text: rf"\displaystyle {text}",
    "braces round an exponent": lambda text: re.sub(r"\^(\w)(?!\w)", r"^{\1}", text),
    "braces round all": lambda text: f"{{{text}}}",
}


@cache
def verdict(left: str, right: str) -> Equality:
    return compare(left, right).verdict


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_noise_changes_no_exact_verdict(noise: Noise) -> None:
    """Every pair, noise on one side and on both, as far as no parser of formulas is needed."""
    for left, right in PAIRS:
        plain = quick(*sorted((left, right)))
        for one, other in ((noise(left), right), (noise(left), noise(right))):
            found = quick(*sorted((one, other)))
            if found and plain:
                assert found.verdict == plain.verdict, (one, other, found, plain)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(PAIRS),
    st.lists(st.sampled_from(sorted(NOISE)), min_size=1, max_size=3, unique=True),
    st.booleans(),
)
def test_noise_changes_no_verdict(pair: tuple[str, str], names: list[str], both: bool) -> None:
    left, right = pair
    noisy, other = left, right
    for name in names:
        noisy, other = NOISE[name](noisy), NOISE[name](other) if both else other
    assert compare(noisy, other).verdict is verdict(left, right), (noisy, other)
