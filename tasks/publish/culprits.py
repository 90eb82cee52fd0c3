"""Which rows of a changed file were changed? What the ledger holds of their solutions is the witness. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.errors import UnreadableReply
from tasks.ledger.store import StoredReply
from tasks.models import wire


def other_than_stored(
    rows: Sequence[Mapping[str, Any]], replies: Mapping[str, StoredReply]
) -> Iterator[tuple[str, str]]:
    """(problem_id, why) of rows with a solution that the reply to its key does not hold; no reply tells nothing.

    Rows have `solutions` and `solution_keys`, in one order.
    """
    for row in rows:
        for number, (text, key) in enumerate(zip(row["solutions"], row["solution_keys"], strict=False), start=1):
            if key in replies and not _holds(replies[key], text):
                yield row["problem_id"], f"its solution {number} is not the reply that was bought ({key})"


def _holds(stored: StoredReply, solution: str) -> bool:
    """Whether reasoning and answer of a solution stand in a reply, whichever way the server divides them."""
    try:
        reply = wire.reply(stored.key, stored.body)
    except UnreadableReply:
        return False
    thought, _, answer = solution.rpartition("\n</think>\n\n")
    parts = (thought.removeprefix("<think>\n"), answer)
    return all(part in reply.content or part in reply.reasoning for part in parts)
