"""The identity of problems and rows. Pure, and frozen: a change here would orphan paid replies.

- `problem_id`: SHA-256 of the source text in NFC with white space collapsed, 64 hex digits.
- `bucket`: the id's first 12 bits, 0..4095. A shard is a range of buckets, so a row is found again whatever
  the number of shards.
- `row_id`: one per collected row, unique even among rows of equal text.
"""

from __future__ import annotations

import hashlib
import unicodedata

BUCKETS = 4096


def normal_text(text: str) -> str:
    """The text that identity is taken of: NFC, white space collapsed, ends trimmed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def problem_id(text: str) -> str:
    """The problem's identity, from its source text."""
    return hashlib.sha256(normal_text(text).encode("utf-8", "surrogatepass")).hexdigest()


def bucket(identity: str) -> int:
    """The bucket (0..4095) of a `problem_id`."""
    return int(identity[:3], 16)


def first_of(number: int) -> str | None:
    """What every `problem_id` of this bucket and of those after it is not less than; None after the last bucket."""
    return f"{number:03x}" if number < BUCKETS else None


def row_id(source: str, raw: bytes, occurrence: int) -> str:
    """A collected row's identity: its source, its bytes as read, and which of the equal ones it is.

    Neither the line number nor the file's name enters: a source may grow, be re-ordered or be split.
    """
    inside = hashlib.sha256(raw).hexdigest()
    return hashlib.sha256(f"{source}\n{inside}\n{occurrence}".encode()).hexdigest()
