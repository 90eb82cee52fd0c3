"""How often a second solver meets the published answer: a measured difficulty beside the rated one. Pure.

It decides nothing. An answer that was not stated, or that nobody could compare, counts neither as right nor as wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from tasks.rows.tables import Schema
from tasks.rows.verdict import Decision, Verdict
from tasks.verify.consensus import Compares
from tasks.verify.extract import find
from tasks.verify.outcome import Equality, Pair

COLUMN = "second_pass_rate"
COLUMNS: Schema = {COLUMN: pl.Float64}
"""Share (0 to 1) of the second solver's comparable answers that equal the published one; None of none."""


def with_pass_rates(
    rows: Sequence[Mapping[str, Any]], decisions: Sequence[Decision], verifier: Compares
) -> list[Decision]:
    """The decisions with `COLUMN`. Each distinct pair of answers is compared once."""
    wanted = [_pairs(row, decision) for row, decision in zip(rows, decisions, strict=True)]
    distinct = list(dict.fromkeys(pair for pairs in wanted for pair in pairs))
    verdicts = {pair: seen.verdict for pair, seen in zip(distinct, verifier.compare_all(distinct), strict=True)}
    return [
        replace(decision, columns={**decision.columns, COLUMN: _rate([verdicts[pair] for pair in pairs])})
        for decision, pairs in zip(decisions, wanted, strict=True)
    ]


def _pairs(row: Mapping[str, Any], decision: Decision) -> list[Pair]:
    """The published answer with each of the second solver's, in sorted order."""
    if decision.verdict is not Verdict.KEEP:
        return []
    published = decision.columns["final_answer"]
    stated = [found.answer for text in row.get("second_solutions") or () if (found := find(text))]
    return [(min(published, one), max(published, one), row.get("answer_type")) for one in stated]


def _rate(verdicts: Sequence[Equality]) -> float | None:
    known = [verdict for verdict in verdicts if verdict is not Equality.UNDECIDED]
    return sum(verdict is Equality.EQUAL for verdict in known) / len(known) if known else None
