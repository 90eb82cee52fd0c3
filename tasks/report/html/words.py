"""Numbers and moments as the page writes them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

_HOUR_MS = 3_600_000


def usd(microusd: int) -> str:
    """Dollars: to the cent where there are some, else to four places."""
    dollars = microusd / 1_000_000
    return f"{dollars:,.2f}" if dollars >= 1 or not microusd else f"{dollars:.4f}"


def share(part: int, whole: int) -> str:
    """A percentage of one place; "-" of nothing."""
    return f"{100 * part / whole:.1f}%" if whole else "-"


def moment(at_ms: int | None) -> str:
    """A day and minute in UTC."""
    return "-" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def hours(card_ms: int) -> str:
    """Hours of cards."""
    return f"{card_ms / _HOUR_MS:,.2f}"


def plain(name: str) -> str:
    """A reason or column as words."""
    return name.replace("_", " ")
