"""Labelled pairs of texts against what the stage made of them: counts and rates. Pure.

A pair is a mapping with `candidate`, `benchmark_question`, `label` (one of `LABELS`), and perhaps `id`, `kind` and
`source`. Rates are fractions of 1, None of nothing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.decontaminate.proof import SAME_PROBLEM, Proof
from tasks.errors import SourceError
from tasks.rows.verdict import Decision, Verdict

Pair = Mapping[str, Any]

REPEATS = ("same", "paraphrase")
LABELS = (*REPEATS, "similar-but-different", "unrelated")
RANKS = (1, 5, 10, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of one pair. `rank`: questions nearer than the pair's own (None: not retrieved, or not asked for).

    `decision` is the stage's, with the pair's question as the only neighbour; None where no judge was named.
    """

    proof: Proof | None
    rank: int | None = None
    decision: Decision | None = None


def checked(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """The pairs. Raises `SourceError` naming the first that is none."""
    for number, pair in enumerate(pairs, start=1):
        if pair.get("label") not in LABELS or not all(
            isinstance(pair.get(name), str) for name in ("candidate", "benchmark_question")
        ):
            raise SourceError(
                f"pair {number}: expected the texts candidate and benchmark_question and a label of {LABELS}, "
                f"not {sorted(pair)} with label {pair.get('label')!r}"
            )
    return pairs


def half(pair: Pair) -> str:
    """Which half of the data a pair belongs to: `fitted` or `held-out`, by a hash of its id, else of its texts."""
    name = str(pair.get("id") or pair["candidate"] + "\0" + pair["benchmark_question"])
    return ("fitted", "held-out")[int(hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest(), 16) % 2]


def table(pairs: Sequence[Pair], seen: Sequence[Seen], retrieved: bool) -> dict[str, Any]:
    """`score` over all pairs, by half, by source and by kind."""
    groups: dict[str, Callable[[Pair], str]] = {
        "all": lambda _: "all",
        "by half": half,
        "by source": lambda pair: str(pair.get("source", "-")),
        "by kind": lambda pair: str(pair.get("kind", "-")),
    }
    found: dict[str, Any] = {}
    for title, name in groups.items():
        places: dict[str, list[int]] = defaultdict(list)
        for place, pair in enumerate(pairs):
            places[name(pair)].append(place)
        found[title] = {
            group: score([pairs[i] for i in at], [seen[i] for i in at], retrieved)
            for group, at in sorted(places.items())
        }
    return found


def score(pairs: Sequence[Pair], seen: Sequence[Seen], retrieved: bool) -> dict[str, Any]:
    """What was found of the pairs that repeat a question, and what else was called a repetition."""
    by_label = {label: [s for p, s in zip(pairs, seen, strict=True) if p["label"] == label] for label in LABELS}
    repeats = [one for label in REPEATS for one in by_label[label]]
    others = [one for label in LABELS if label not in REPEATS for one in by_label[label]]
    made: dict[str, Any] = {"pairs": {label: len(found) for label, found in by_label.items()}}
    if retrieved:
        made["retrieval recall"] = {
            f"at {k}": rate(sum(one.rank is not None and one.rank < k for one in repeats), len(repeats))
            for k in RANKS
        }
    made["proofs"] = {
        "recall": rate(sum(one.proof in SAME_PROBLEM for one in repeats), len(repeats)),
        "recall of exact match alone": rate(sum(one.proof is Proof.EXACT for one in repeats), len(repeats)),
        "false": {
            label: rate(sum(one.proof in SAME_PROBLEM for one in by_label[label]), len(by_label[label]))
            for label in LABELS
            if label not in REPEATS
        },
        "one template": {
            label: rate(sum(one.proof is not None for one in found), len(found)) for label, found in by_label.items()
        },
    }
    if any(one.decision is not None for one in seen):
        made["stage"] = _of_stage(repeats, others)
    return made


def _of_stage(repeats: Sequence[Seen], others: Sequence[Seen]) -> dict[str, Any]:
    """A quarantined row is neither found nor clean: it counts against recall, and is shown."""
    found, false = (sum(_is(one, Verdict.DROP) for one in part) for part in (repeats, others))
    set_aside = sum(_is(one, Verdict.QUARANTINE) for one in (*repeats, *others))
    return {
        "recall": rate(found, len(repeats)),
        "false": rate(false, len(others)),
        "precision": rate(found, found + false),
        "F1": rate(2 * found, len(repeats) + found + false),
        "quarantined": rate(set_aside, len(repeats) + len(others)),
        "never asked": rate(sum(not _asked(one) for one in (*repeats, *others)), len(repeats) + len(others)),
    }


def _is(one: Seen, verdict: Verdict) -> bool:
    return one.decision is not None and one.decision.verdict is verdict


def _asked(one: Seen) -> bool:
    lines = one.decision.evidence["neighbours"] if one.decision is not None else ()
    return any(line["verdict_forward"] is not None for line in lines)


def rate(count: int, of: int) -> float | None:
    return round(count / of, 4) if of else None
