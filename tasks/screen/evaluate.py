"""How good the rule screen is on labelled rows: precision and recall of every reason.

    python -m tasks.screen.evaluate FILE.jsonl [--misses]

prints one JSON object. A line of the file holds `question`, `answer` (null where the source has none) and
`expected`: the reason for which the row cannot be used, null where it can. Reasons that no rule gives have no
precision; a model judges those rows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.screen.rules import screen

Row = Mapping[str, Any]


def findings(rows: Sequence[Row]) -> list[str | None]:
    """The reason that the rules give each row, None where none is sure."""
    found = (screen(row["question"], row["answer"]) for row in rows)
    return [one.reason.value if one else None for one in found]


def score(rows: Sequence[Row], found: Sequence[str | None]) -> dict[str, Any]:
    """Counts, precision and recall (fractions of 1, None of nothing) by reason, and of all drops together."""
    expected = [row["expected"] for row in rows]
    said, meant = Counter(found), Counter(expected)
    right = Counter(one for one, label in zip(found, expected, strict=True) if one == label)
    reasons = sorted({reason for reason in (*said, *meant) if reason is not None})
    usable = sum(one is not None and label is None for one, label in zip(found, expected, strict=True))
    return {
        "rows": len(rows),
        "usable rows": meant[None],
        "usable rows dropped": usable,
        "reasons": {
            reason: {
                "rows": meant[reason],
                "dropped": said[reason],
                "precision": _share(right[reason], said[reason]),
                "recall": _share(right[reason], meant[reason]),
            }
            for reason in reasons
        },
    }


def _share(count: int, of: int) -> float | None:
    return round(count / of, 4) if of else None


def misses(rows: Sequence[Row], found: Sequence[str | None]) -> list[dict[str, Any]]:
    """The rows for which the rules gave another reason than the label, or none."""
    return [{**row, "found": one} for row, one in zip(rows, found, strict=True) if one != row["expected"]]


def main(arguments: list[str]) -> int:
    """Evaluate one file and print JSON."""
    parser = argparse.ArgumentParser(prog="python -m tasks.screen.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSON lines with question, answer and expected")
    parser.add_argument("--misses", action="store_true", help="list the rows whose label is not met")
    given = parser.parse_args(arguments)
    rows = [json.loads(line) for line in given.file.read_text(encoding="utf-8").split("\n") if line.strip()]
    found = findings(rows)
    scores = score(rows, found)
    if given.misses:
        scores["misses"] = misses(rows, found)
    print(json.dumps(scores, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
