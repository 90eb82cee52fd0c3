"""What a rehearsal costs: made-up prices, counted the way real bills are.

The table is this server's own, as a provider's is: whoever checks the ledger against the journal compares
two independent countings.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import ceil

BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens, which is micro-dollars per token."""

    prompt: Decimal
    completion: Decimal


PRICES = {
    "rehearsal/screener": Price(Decimal("2.5"), Decimal("10")),
    "rehearsal/converter": Price(Decimal("2.5"), Decimal("10")),
    "rehearsal/judge": Price(Decimal("0.1"), Decimal("0.32")),
    "rehearsal/rater": Price(Decimal("2.5"), Decimal("10")),
    "rehearsal/topic": Price(Decimal("2.5"), Decimal("10")),
    "rehearsal/solver": Price(Decimal("0.55"), Decimal("2.19")),
}


def tokens(*texts: str) -> int:
    """A deterministic stand-in for a tokenizer: UTF-8 bytes of all texts together, over four, rounded up."""
    return ceil(sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / BYTES_PER_TOKEN)


def microusd(model: str, prompt_tokens: int, completion_tokens: int, *, batch: bool = False) -> int:
    """The charge for one reply in micro-dollars, a half rounded up; in a batch half of it before rounding.

    Raises KeyError for an unknown model.
    """
    price = PRICES[model]
    exact = prompt_tokens * price.prompt + completion_tokens * price.completion
    if batch:
        exact /= 2
    return int(exact.to_integral_value(ROUND_HALF_UP))
