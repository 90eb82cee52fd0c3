"""Price lines from the map that litellm ships. Used only by the command that writes them down; pure but for the read.

The map says USD per token; lines say USD per million. It is read from litellm's own files, never from the net.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.errors import UnknownPrice
from tasks.models.prices import Price

_FILE = "model_prices_and_context_window_backup.json"
_MILLION = Decimal(1_000_000)
_FIELDS = {
    "input": "input_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "output": "output_cost_per_token",
    "batch_input": "input_cost_per_token_batches",
    "batch_cached_input": "cache_read_input_token_cost_batches",
    "batch_output": "output_cost_per_token_batches",
}


def read() -> Mapping[str, Mapping[str, Any]]:
    """litellm's map, its numbers as they are written. litellm itself is not imported: that would fetch the map."""
    found = find_spec("litellm")
    if found is None or found.origin is None:
        raise UnknownPrice("litellm is not installed, so there is no map to fill prices from")
    raw = Path(found.origin).with_name(_FILE).read_text(encoding="utf-8")
    return dict(json.loads(raw, parse_float=Decimal, parse_int=Decimal))


def line(prices: Mapping[str, Mapping[str, Any]], model: str, today: date) -> Price:
    """The line for a model, named as recipes name it: `<model>` or `<provider>/<model>`.

    Raises `UnknownPrice` where the map has no price for it. Where it has no price for cached input, cached tokens
    cost what others do. Prices for very long prompts are left out; no prompt of this project comes near them.
    """
    provider, _, name = model.partition("/")
    found = prices.get(model)
    if found is None and name and prices.get(name, {}).get("litellm_provider") == provider:
        found = prices[name]
    if found is None or found.get(_FIELDS["input"]) is None or found.get(_FIELDS["output"]) is None:
        raise UnknownPrice(f"litellm {version('litellm')} has no price for {model!r}; add a line of your own by hand")
    given = {field: _per_million(found[key]) for field, key in _FIELDS.items() if found.get(key) is not None}
    given.setdefault("cached_input", given["input"])
    source = f"litellm {version('litellm')}, which names {found.get('source') or 'no source'}"
    return Price.model_validate({**given, "as_of": today, "source": source})


def _per_million(per_token: Decimal) -> Decimal:
    """USD per million tokens, without the noise of binary fractions in the map (1.0000000000000002e-06)."""
    return round(per_token * _MILLION, 9).normalize()
