"""Which licences go together in one data set, and under which the whole may be released. Pure.

The table is `licences.yaml`. What it does not name is unknown: such rows are published under one's own root, and the
card says so, but they are not pushed anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

UNKNOWN = "unknown"
_TABLE = Path(__file__).with_name("licences.yaml")


class Terms(BaseModel):
    """What one licence asks of a collection with adaptations."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["free", "share-alike", "non-commercial", "no-derivatives"]
    whole: str | None = None


class Mix(BaseModel):
    """What a set of licences comes to: the licence of the whole, or why there can be none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    whole: str
    unknown: tuple[str, ...] = ()
    clash: str | None = None


@cache
def terms() -> dict[str, Terms]:
    """The table by SPDX identifier in small letters."""
    return {name: Terms(**one) for name, one in yaml.safe_load(_TABLE.read_text(encoding="utf-8")).items()}


def mixed(licences: Iterable[str]) -> Mix:
    """What these licences come to together.

    >>> mixed(["MIT", "CC-BY-SA-3.0"]).whole
    'cc-by-sa-4.0'
    >>> mixed(["CC-BY-SA-4.0", "CC-BY-NC-4.0"]).clash
    'cc-by-nc-4.0 and cc-by-sa-4.0 forbid each other'
    """
    named = sorted({licence.strip().casefold() for licence in licences})
    known = {name: terms()[name] for name in named if name in terms()}
    unknown = tuple(name or UNKNOWN for name in named if name not in terms())
    if fixed := [name for name, one in known.items() if one.kind == "no-derivatives"]:
        return Mix(whole=UNKNOWN, unknown=unknown, clash=f"{fixed[0]} forbids rewritten questions")
    bound = {name: one for name, one in known.items() if one.kind != "free"}
    alike = {one.whole for one in bound.values() if one.kind == "share-alike"}
    wholes = {str(one.whole) for one in bound.values()}
    carries_nc = alike == {"cc-by-nc-sa-4.0"} and wholes <= {"cc-by-nc-sa-4.0", "cc-by-nc-4.0"}
    if len(wholes) > 1 and not carries_nc:
        return Mix(whole=UNKNOWN, unknown=unknown, clash=f"{' and '.join(bound)} forbid each other")
    if unknown:
        return Mix(whole=UNKNOWN, unknown=unknown)
    if wholes:
        return Mix(whole="cc-by-nc-sa-4.0" if carries_nc else wholes.pop())
    return Mix(whole=next(iter(known)) if len(known) == 1 else "other")
