"""`python -m flows prices update`: lines of the price table, filled from the map that litellm ships."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from tasks.models import price_map
from tasks.models.prices import FILLED, Price

_HEAD = """\
# Written by `python -m flows prices update [MODEL ...]` from the price map that litellm ships; not kept by hand.
# USD per million tokens. A line of prices.yaml wins over one here.
"""


def update(models: Sequence[str], path: Path = FILLED, today: date | None = None) -> dict[str, Price]:
    """Write anew the lines that a file has, and those of `models`; gives the lines that changed.

    Raises `UnknownPrice`, and writes nothing, if litellm's map lacks one of them.
    """
    day = today or date.today()
    before = yaml.safe_load(path.read_text(encoding="utf-8"))["models"] if path.exists() else {}
    known = price_map.read()
    lines = {name: price_map.line(known, name, day) for name in sorted({*before, *models})}
    changed = {name: line for name, line in lines.items() if name not in before or _differs(before[name], line)}
    kept = {name: _plain(line) if name in changed else before[name] for name, line in lines.items()}
    if changed:
        text = yaml.safe_dump({"version": day.isoformat(), "models": kept}, sort_keys=False, width=200)
        path.write_text(_HEAD + text, encoding="utf-8")
    return changed


def _differs(before: dict[str, Any], line: Price) -> bool:
    """Whether anything but the day is another: a day alone is no news."""
    old = Price.model_validate(before)
    return old.model_copy(update={"as_of": line.as_of}) != line


def _plain(line: Price) -> dict[str, Any]:
    values = line.model_dump(exclude_none=True)
    return {name: f"{value:f}" if isinstance(value, Decimal) else str(value) for name, value in values.items()}
