"""One chain of the Omni-MATH topic tree (arXiv 2410.07985, figure 12), by counting key words.

Each leaf has words that speak for it; the leaf with the most distinct words wins, the first of equals.
"""

from __future__ import annotations

import re
from typing import Any

from tasks.models.rehearsal.words import plain

ROOT = "Mathematics"

_LEAVES: tuple[tuple[str, str], ...] = (
    ("Number Theory -> Prime Numbers", r"primes?|prime numbers?|composite"),
    ("Number Theory -> Congruences", r"mod|modulo|remainder|congruent|last digits?|digit sum|ends? (?:in"
     r"|with)"),
    ("Number Theory -> Greatest Common Divisors (GCD)", r"gcd|greatest common divisor|relatively prime"
     r"|coprime"),
    ("Number Theory -> Least Common Multiples (LCM)", r"lcm|least common multiple"),
    ("Number Theory -> Factorization", r"divisible|divides|divisors?|factors? of|multiple of"),
    ("Number Theory -> Other", r"integer solutions?|integers?|integer|perfect squares?|digits?"
     r"|diophantine|positive integers?"),
    ("Discrete Mathematics -> Graph Theory", r"graph|vertices|edges|trees?|planar|hamiltonian|tournament"),
    ("Discrete Mathematics -> Combinatorics", r"how many|ways|subsets?|permutations?|arrangements?"
     r"|colou?rings?|tiles?"
     r"|strings?|choose|binomial|sequences of"),
    ("Discrete Mathematics -> Logic", r"liar|truth|logic|statements?|tautology"),
    ("Applied Mathematics -> Statistics -> Probability -> Other", r"probability|random|dice|coins?"
     r"|expected value"),
    ("Applied Mathematics -> Statistics -> Mathematical Statistics", r"variance|median|standard deviation"
     r"|regression"),
    ("Applied Mathematics -> Math Word Problems", r"dollars?|cost|price|hours?|miles?|apples|money|each"
     r"|sold|total"),
    ("Calculus -> Integral Calculus -> Techniques of Integration -> Single-variable", r"int|integral"
     r"|integrate|dx"),
    ("Calculus -> Differential Calculus -> Derivatives", r"derivative|differentiable|differentiate|dy/dx"),
    ("Differential Equations -> Ordinary Differential Equations (ODEs)", r"differential equation|ode|y''"
     r"|dy/dt"),
    ("Precalculus -> Limits", r"limits?|lim|converges?|infinity|bounded|tends"),
    ("Precalculus -> Trigonometric Functions", r"sin|cos|tan|trigonometric|cot"),
    ("Precalculus -> Functions", r"function|f\(x\)|domain|range|inverse"),
    ("Geometry -> Plane Geometry -> Polygons", r"polygon|hexagon|pentagon|square|rectangle|quadrilateral"
     r"|diagonals?"),
    ("Geometry -> Plane Geometry -> Circles", r"circle|radius|chord|tangent|circumcircle|incircle"),
    ("Geometry -> Plane Geometry -> Area", r"area|areas"),
    ("Geometry -> Plane Geometry -> Angles", r"angles?|degrees"),
    ("Geometry -> Plane Geometry -> Triangulations", r"triangles?|altitude|median|hypotenuse"),
    ("Geometry -> Solid Geometry -> 3D Shapes", r"cube|sphere|tetrahedron|polyhedr\w+|cone|cylinder|pyramid"),
    ("Geometry -> Solid Geometry -> Volume", r"volume"),
    ("Algebra -> Abstract Algebra -> Group Theory", r"groups?|subgroup|abelian|homomorphism|cyclic"),
    ("Algebra -> Abstract Algebra -> Ring Theory", r"rings?|ideals?"),
    ("Algebra -> Abstract Algebra -> Field Theory", r"fields?|galois"),
    ("Algebra -> Linear Algebra -> Matrices", r"matrix|matrices|eigenvalues?|rank"),
    ("Algebra -> Linear Algebra -> Determinants", r"determinants?|det"),
    ("Algebra -> Linear Algebra -> Vectors", r"vectors?|subspace|basis"),
    ("Algebra -> Algebra -> Polynomial Operations", r"polynomials?|roots?|zeros|coefficients?|factorize"
     r"|degree"),
    ("Algebra -> Algebra -> Sequences and Series", r"sequences?|series|a_n|x_n|terms?|progressions?|a_\(n"),
    ("Algebra -> Intermediate Algebra -> Inequalities", r"smallest value|largest value|minimum|maximum"
     r"|inequality"
     r"|inequalities|largest|smallest"),
    ("Algebra -> Intermediate Algebra -> Complex Numbers", r"complex numbers?|imaginary|conjugate"),
    ("Algebra -> Intermediate Algebra -> Logarithmic Functions", r"log|logarithms?|ln"),
    ("Algebra -> Algebra -> Equations and Inequalities", r"solve|equations?|satisf\w+"),
    ("Algebra -> Prealgebra -> Fractions", r"fractions?|simplify"),
    ("Topology -> Knots", r"knots?"),  # no branch of the paper's tree: models invent such
)  # fmt: skip
_COMPILED = tuple((chain, re.compile(rf"(?<![a-z])(?:{words})(?![a-z])")) for chain, words in _LEAVES)


def classify(problem: str) -> dict[str, Any]:
    """`chain` from the root to a leaf; the root and "Other" where no word of the text says anything."""
    text = plain(problem)
    found = {chain: sorted(set(words.findall(text))) for chain, words in _COMPILED}
    best = max(found, key=lambda chain: len(found[chain]))
    if not found[best]:
        return {"reason": "rehearsal rule: no key word", "chain": [ROOT, "Other"]}
    return {"reason": f"rehearsal rule: {', '.join(found[best])}", "chain": [ROOT, *best.split(" -> ")]}
