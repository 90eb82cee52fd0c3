"""What a stage says of a row. Pure.

A stage never deletes or rewrites a row: it writes one verdict per row it was given. Unknown is never
a verdict: what cannot be decided is `quarantine`, with its reason, and never counted as yes, no or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """The three fates of a row at a stage."""

    KEEP = "keep"
    DROP = "drop"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A stage's word on one row.

    `reason` is None for kept rows and one of the stage's enumerated strings otherwise. `columns` are the
    stage's own columns of its verdict table (every decision of a stage gives the same names; what is not
    known is None). `evidence` maps the name of a side table to this row's lines in it.
    """

    verdict: Verdict
    reason: str | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def keep(columns: Mapping[str, Any], evidence: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> Decision:
    """Keep the row."""
    return Decision(verdict=Verdict.KEEP, columns=columns, evidence=evidence or {})


def drop(
    reason: str, columns: Mapping[str, Any], evidence: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> Decision:
    """Drop the row for an enumerated reason."""
    return Decision(verdict=Verdict.DROP, reason=str(reason), columns=columns, evidence=evidence or {})


def quarantine(
    reason: str, columns: Mapping[str, Any], evidence: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> Decision:
    """Set the row aside: nobody could tell, and people may look or ask again."""
    return Decision(verdict=Verdict.QUARANTINE, reason=str(reason), columns=columns, evidence=evidence or {})
