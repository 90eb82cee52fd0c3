"""CHAMP: 270 competition problems with recorded conversations of several models.

Mao, Kim and Zhou, "CHAMP: A Competition-level Dataset for Fine-Grained Analyses of LLMs' Mathematical
Reasoning Capabilities" (ACL Findings 2024, https://arxiv.org/abs/2401.06961); MIT licence, PyPI
champ-dataset. The file is read as JSON: the package's own classes carry annotations nobody needs here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded answer. `closing` is the model's own one-sentence summary of `solution`, asked for in a
    second turn; `truncated` recordings hit the token limit in the solution and have an empty closing.
    """

    model: str
    setting: str
    solution: str
    closing: str
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampProblem:
    """One problem. `gold` is the data set's answer in words; nothing that answers a request may read it."""

    id: str
    text: str
    category: str
    gold: str
    recordings: Mapping[tuple[str, str], Recording]


@cache
def problems() -> tuple[ChampProblem, ...]:
    """All problems in natural order of their ids (P_Combinatorics_2 before P_Combinatorics_10).

    Reads 70 MB of JSON: about two seconds, once per process.
    """
    text = (files("champ_dataset") / "dataset_files" / "v0.json").read_text(encoding="utf-8")
    rows = json.loads(text)["problems"]
    return tuple(_problem(rows[key]) for key in sorted(rows, key=_natural))


def _natural(key: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in _NUMBERS.split(key)]


def _problem(row: Mapping[str, Any]) -> ChampProblem:
    recordings = {}
    for name, conversation in row["conversations"].items():
        model, setting = name.split("|")
        recordings[model, setting] = _recording(model, setting, conversation["messages"])
    return ChampProblem(
        id=row["identifier"],
        text=row["_text"],
        category=row["category"],
        gold=row["_answer"],
        recordings=recordings,
    )


def _recording(model: str, setting: str, messages: list[Mapping[str, Any]]) -> Recording:
    """The last three turns are the solution, the request for one sentence, and that sentence."""
    solution, _, closing = messages[-3:]
    return Recording(
        model=model,
        setting=setting,
        solution=solution["text"] or "",
        closing=closing["text"] or "",
        truncated=solution["error"] == "LENGTH_CURRENT",
    )
