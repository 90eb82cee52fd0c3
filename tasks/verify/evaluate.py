"""How good the verifier is on labelled pairs, beside plain math-verify.

    python -m tasks.verify.evaluate --pairs FILE.jsonl [--split all|develop|held-out] [--misses]

prints one JSON object: for this engine and for plain math-verify, over all pairs, by group and by source:
accuracy (undecided counts as wrong), false equal, false different (undecided counted as different), undecided,
pairs per second and milliseconds. A line of the file holds `gold`, `prediction`, `equal`, and may hold `source`,
`kind`, and the flags `suspect_label`, `extraction_artefact`, `params`. Answers are first extracted where a side
is a text that states one. The split is by the SHA-256 of the line's id (else of its texts).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.verify.extract import final_answer
from tasks.verify.outcome import Equality
from tasks.verify.pool import Verifier

Row = Mapping[str, Any]
Seen = tuple[Equality, str, float]
"""A verdict, the rule that gave it, and the seconds it took."""


def half(row: Row) -> str:
    """Which half of the data a line belongs to: `develop` or `held-out`."""
    name = str(row.get("id") or row["gold"] + "\0" + row["prediction"])
    return ("develop", "held-out")[int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2]


def group(row: Row) -> str:
    """A coarse group of a line: how its label came about, and what sets it apart."""
    by = "hand-written" if "test expectation" in row.get("label_by", "") else "judged"
    origin = row.get("source", "").partition(":")[0] or "no source"
    flags = [flag for flag in ("params", "extraction_artefact") if row.get(flag)]
    if len(row["gold"].strip(" $.\\\n")) == 1 and row["gold"].strip(" $.\\\n") in "ABCDEFG":
        flags.append("option letter")
    return " | ".join([by, origin, *flags])


def this_engine(rows: Sequence[Row]) -> list[Seen]:
    """Verdicts of this verifier, one pair at a time in its killable process."""
    with Verifier(workers=1) as verifier:
        verifier.compare_all([("(x+1)^2", "x^2+2x+1")])
        return [_timed(lambda row=row: _one(verifier, row)) for row in rows]  # type: ignore[misc]


def _one(verifier: Verifier, row: Row) -> tuple[Equality, str]:
    gold, prediction = (final_answer(row[side]) or row[side] for side in ("gold", "prediction"))
    (seen,) = verifier.compare_all([(gold, prediction, row.get("kind"))])
    return seen.verdict, seen.rule


def plain_math_verify(rows: Sequence[Row]) -> list[Seen]:
    """Verdicts of math-verify as most people call it, in this process. Only in the main thread."""
    from tasks.verify.plain import plain_verdict

    plain_verdict("x+1", "1+x")
    return [_timed(lambda row=row: (plain_verdict(row["gold"], row["prediction"]), "")) for row in rows]  # type: ignore[misc]


def _timed(work: Callable[[], tuple[Equality, str]]) -> Seen:
    began = time.perf_counter()
    verdict, rule = work()
    return verdict, rule, time.perf_counter() - began


def score(rows: Sequence[Row], seen: Sequence[Seen]) -> dict[str, Any]:
    """Counts and rates of verdicts against labels. Rates are fractions of 1, None of nothing."""
    same = [each[0] for row, each in zip(rows, seen, strict=True) if row["equal"]]
    other = [each[0] for row, each in zip(rows, seen, strict=True) if not row["equal"]]
    right = same.count(Equality.EQUAL) + other.count(Equality.DIFFERENT)
    seconds = sorted(each[2] for each in seen)
    return {
        "pairs": len(rows),
        "equal pairs": len(same),
        "accuracy": _rate(right, len(rows)),
        "false equal": _rate(other.count(Equality.EQUAL), len(other)),
        "false different, undecided among them": _rate(len(same) - same.count(Equality.EQUAL), len(same)),
        "false different, said": _rate(same.count(Equality.DIFFERENT), len(same)),
        "undecided": _rate((same + other).count(Equality.UNDECIDED), len(rows)),
        "pairs per second": round(len(rows) / sum(seconds), 1) if seconds else None,
        "ms": {name: round(1000 * seconds[min(len(seconds) - 1, int(q * len(seconds)))], 2)
               for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)) if seconds},
    }  # fmt: skip


def _rate(count: int, of: int) -> float | None:
    return round(count / of, 4) if of else None


def table(rows: Sequence[Row], verdicts: Mapping[str, Sequence[Seen]]) -> dict[str, Any]:
    """Scores of each engine, over all rows and by group and source."""
    found: dict[str, Any] = {}
    for title, name in (
        ("all", lambda _: "all"),
        ("by group", group),
        ("by source", lambda row: row.get("source", "-")),
    ):
        places: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            places[name(row)].append(index)
        found[title] = {
            place: {engine: score([rows[i] for i in at], [seen[i] for i in at]) for engine, seen in verdicts.items()}
            for place, at in sorted(places.items())
        }
    return found


def misses(rows: Sequence[Row], seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """The lines whose label this engine does not share, undecided ones among them."""
    return [
        {key: row.get(key) for key in ("id", "gold", "prediction", "equal")} | {"verdict": str(verdict), "rule": rule}
        for row, (verdict, rule, _) in zip(rows, seen, strict=True)
        if verdict is not (Equality.EQUAL if row["equal"] else Equality.DIFFERENT)
    ]


def main(arguments: list[str]) -> int:
    """Evaluate a file of pairs and print JSON."""
    parser = argparse.ArgumentParser(prog="python -m tasks.verify.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True, help="JSON lines with gold, prediction and equal")
    parser.add_argument("--split", choices=("all", "develop", "held-out"), default="all")
    parser.add_argument("--without-plain", action="store_true", help="leave plain math-verify out")
    parser.add_argument("--misses", action="store_true", help="list the lines whose label is not met")
    given = parser.parse_args(arguments)
    lines = given.pairs.read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if not row.get("suspect_label")]
    rows = [row for row in rows if given.split in ("all", half(row))]
    verdicts = {"this engine": this_engine(rows)}
    peak = {"this engine, its workers": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10}
    if not given.without_plain:
        verdicts["plain math-verify"] = plain_math_verify(rows)
        peak["this process, plain math-verify in it"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    found = {"split": given.split, "peak MiB": peak, **table(rows, verdicts)}
    if given.misses:
        found["misses"] = misses(rows, verdicts["this engine"])
    print(json.dumps(found, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
