"""How hard is a problem, 1 to 10 in half steps? Features of the text, added up.

The scale is that of AoPS: school word problems 1 to 3, typical competition problems 4.5 to 6.5. The sample
index moves a rating by half a step up or down, three values in turn, so that repeated ratings differ and
their mean over three or six does not.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from tasks.models.rehearsal.words import plain

BASE = 4.0
STEPS = (-0.5, 0.0, 0.5)

_FEATURES: tuple[tuple[str, float, str], ...] = tuple(
    (name, weight, pattern)
    for name, weight, pattern in (
        ("everyday things", -2.5, r"\$\d+(?![^$]*\$)|\b(?:dollars?|cents?|cost|costs|price|bought|buys?"
         r"|sells?|sold"
         r"|hours?|minutes?|miles?|apples|money|weeks?|pounds?|salary|paid|percent|profit|gallons?|inches"
         r"|pages?"
         r"|altogether|in total|each day|per day|years old)\b"),
        ("bare arithmetic", -1.5, r"^(?:what is|compute|evaluate|calculate"
         r"|simplify)[^a-z]*(?:the value of )?[^a-z]*[?.]?$"),
        ("a general n", 1.0, r"\b(?:of n|in terms of [a-z]|expression of|all n|any n|length n|degree n"
         r"|every n)\b|\.\.\."),
        ("whole numbers", 1.0, r"\b(?:integer|integers|prime|primes|divisible|divides|gcd|mod|modulo"
         r"|perfect square)\b"),
        ("all solutions", 0.5, r"\b(?:find|determine) all\b|\bsolutions?\b|\bpossible values?\b"),
        ("an extremum", 0.5, r"\b(?:smallest|largest|minimum|maximum|minimal|maximal|at most|at least)\b"),
        ("counting", 1.0, r"\bhow many (?:such|different|distinct|ways|sub|strings|sequences|ordered"
         r"|pairs|values|colou?rings"
         r"|integers?|real|positive|of the)|\bnumber of ways\b|\bin how many ways\b|\bpermutations?\b"
         r"|\bcolou?rings?\b"),
        ("a recursion", 1.5, r"\bsequences?\b|[a-z]_\(?\{?n\s*[+-]\s*1"),
        ("an inequality", 0.5, r"<=|>=|[<>]"),
        ("a polynomial", 0.5, r"\b(?:polynomials?|roots?|factoriz|remainder|coefficients?)"),
        ("a functional equation", 1.0, r"\bfor all (?:real |integers? |positive )*[a-z]\b|f\(f\("),
        ("a proof", 1.0, r"\bprove\b|\bproof\b|\bshow that\b"),
        ("calculus", 0.5, r"\b(?:limit|integral|derivative|converges?|series|differentiable|continuous)\b"
         r"|\\int"),
        ("university algebra or analysis", 2.0, r"\b(?:group|ring|field|manifold|hilbert|banach"
         r"|measurable|homomorphism"
         r"|topolog\w+|eigenvalues?|abelian|lebesgue|compact|galois)\b"),
        ("geometry of circles", 0.5, r"\b(?:circumcircle|incircle|circumcenter|tangent|inscribed"
         r"|orthocenter|cyclic)\b"),
    )
)  # fmt: skip
_LONG = 60
_SHORT = 7
"""Words from which on a problem counts as long, and up to which as short."""


def rate(problem: str, sample: int) -> dict[str, Any]:
    """`rating` 1..10 in half steps; the same problem and sample always get the same one."""
    text = plain(problem).strip()
    seen = [(name, weight) for name, weight, pattern in _FEATURES if re.search(pattern, text)]
    words = len(text.split())
    if words >= _LONG or words <= _SHORT:
        seen.append(("length", 0.5 if words >= _LONG else -1.0))
    turn = (sha256(text.encode("utf-8", "surrogatepass")).digest()[0] + sample) % len(STEPS)
    rating = BASE + sum(weight for _, weight in seen) + STEPS[turn]
    named = ", ".join(f"{name} {weight:+}" for name, weight in seen) or "nothing notable"
    return {
        "summary": f"A problem of {words} words.",
        "reason": f"rehearsal rule: base {BASE}, {named}; sample {sample} {STEPS[turn]:+}",
        "rating": min(10.0, max(1.0, rating)),
    }
