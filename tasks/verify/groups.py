r"""Finite abelian groups as they are written: Z_12, \mathbb{Z}/12\mathbb{Z}, C_4 \times C_3. Pure.

Two names of one group up to isomorphism are the same answer.
"""

from __future__ import annotations

import re

_CYCLIC = re.compile(
    r"(?:\\mathbb\s*\{?\s*Z\s*\}?|Z|C)(?:\s*_\s*\{?\s*(?P<n>\d{1,9})\s*\}?"
    r"|\s*/\s*(?P<m>\d{1,9})\s*(?:\\mathbb\s*\{?\s*Z\s*\}?|Z))"
)
_TIMES = re.compile(r"\s*(?:\\times|\\oplus|(?<=\s)x(?=\s)|⊕)\s*")


def invariants(bare: str) -> tuple[str, ...] | None:
    r"""What decides the isomorphism class: the prime powers of a product of cyclic groups, in order.

    >>> invariants(r"\mathbb{Z}_6 \times Z_2") == invariants("Z/2Z x C_6") == ("2", "2", "3")
    True
    """
    name = bare.strip().replace("{", "").replace("}", "")
    if name in ("S_3", "D_3"):
        return ("D_3",)
    powers: list[int] = []
    for part in _TIMES.split(bare.strip()):
        match = _CYCLIC.fullmatch(part.strip())
        if match is None:
            return None
        powers += _prime_powers(int(match["n"] or match["m"]))
    return tuple(map(str, sorted(powers)))


def _prime_powers(number: int) -> list[int]:
    found, prime = [], 2
    while prime * prime <= number:
        power = 1
        while number % prime == 0:
            power, number = power * prime, number // prime
        if power > 1:
            found.append(power)
        prime += 1
    return [*found, number] if number > 1 else found
