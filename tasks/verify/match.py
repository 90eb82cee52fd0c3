"""Are two answers of some structure the same? Parts are paired by the structure, leaves by whoever is asked. Pure.

Where the structure leaves a convention open, the answer's kind decides, as screening recorded it (number,
expression, equation, tuple, interval, set, list, matrix, inequality, text). Without a kind the defaults are:

- a bare list ("1, 2") has no order, unless it stands against a tuple; a set has none; tuples have one;
- (1, 2) is a pair, except against an inequality or another interval; (1, 2) against 1, 2 is undecided;
- the name in "x = 5" may be left out, and so may the unit in "5 cm"; the variable of a function may have any name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tasks.verify import units
from tasks.verify.answer import Answer, Equation, Formula, Group, Node, Phrase, Range, Union, Words
from tasks.verify.numbers import number
from tasks.verify.outcome import Comparison, Equality, different, equal, undecided
from tasks.verify.wording import only_number

Leaf = Callable[[str, str, frozenset[str]], Comparison | None]
"""Compares two formulas in LaTeX, knowing the names of free constants in them; None: that takes a parser of formulas,
which is not at hand."""

_SAME = ({"no", "no such"}, {"none", "no such"}, {"no", "impossible"}, {"no such", "impossible"})
_OPPOSED = ({"yes", "no"}, {"yes", "impossible"}, {"yes", "no such"}, {"none", "infinite"}, {"no such", "infinite"})
_ORDERED = {"tuple", "list", "matrix"}


def match(a: Answer, b: Answer, kind: str | None, leaf: Leaf) -> Comparison | None:
    """The verdict on two answers of one question; None where a leaf could not be compared."""
    names = frozenset((*a.free, *b.free))
    found = _Match(kind, lambda left, right: leaf(left, right, names)).nodes(a.node, b.node)
    if found is not None and a.condition != b.condition:
        return undecided("condition")
    return found


class _Match:
    def __init__(self, kind: str | None, leaf: Callable[[str, str], Comparison | None]) -> None:
        self._kind, self._leaf = kind, leaf

    def nodes(self, a: Node, b: Node) -> Comparison | None:
        if a == b and not isinstance(a, Words):
            return equal("same form")
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Words):
                return self._words(one, other)
            if isinstance(one, Phrase):
                return _phrases(one, other)
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Equation):
                return self._equation(one, other)
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Union | Range):
                return self._ranges(one, other)
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Group):
                return self._groups(one, other)
        return self._formulas(a, b) if isinstance(a, Formula) and isinstance(b, Formula) else undecided("kinds")

    def _words(self, a: Words, other: Node) -> Comparison | None:
        """A sentence says a number where that is the only one in it; that it says another proves nothing."""
        value = only_number(a.text)
        if value and isinstance(other, Formula):
            found = self._leaf(value, other.latex)
            if found is None or found.verdict is Equality.EQUAL:
                return _renamed(found, "only number of a sentence")
        code = re.fullmatch(r"(?=\w*\d)(?=\w*[A-Z]{3})[A-Z\d]+", a.text)
        return (
            different("code and number")
            if code and isinstance(other, Formula) and number(other.latex)
            else undecided(a.why)
        )

    def _formulas(self, a: Formula, b: Formula) -> Comparison | None:
        if a.unit == b.unit:
            return self._leaf(a.latex, b.latex)
        if a.unit and b.unit:
            return self._units(a, b)
        found = self._leaf(a.latex, b.latex)
        if "degree" in (a.unit, b.unit) and (found is None or found.verdict is not Equality.EQUAL):
            found = self._leaf(*(rf"\frac{{\pi}}{{180}}({x.latex})" if x.unit else x.latex for x in (a, b)))
        return _renamed(found, "unit left out")

    def _units(self, a: Formula, b: Formula) -> Comparison | None:
        sizes = units.factor(a.unit or ""), units.factor(b.unit or "")
        if sizes[0] is None or sizes[1] is None:
            found = self._leaf(a.latex, b.latex)
            return undecided("units") if found is None or found.verdict is not Equality.DIFFERENT else found
        if sizes[0][0] != sizes[1][0]:
            return different("units")
        left, right = (rf"({x.latex}) \cdot \frac{{{size.numerator}}}{{{size.denominator}}}"
                       for x, (_, size) in zip((a, b), (sizes[0], sizes[1]), strict=True))  # fmt: skip
        return _renamed(self._leaf(left, right), "units converted")

    def _equation(self, a: Equation, other: Node) -> Comparison | None:
        if not isinstance(other, Equation):
            if a.named and not (isinstance(a.right, Formula) and re.fullmatch(r"[A-Za-z]", a.right.latex)):
                return self.nodes(a.right, other)
            return different("equation and value") if isinstance(other, Formula) else undecided("equation")
        if a.named and other.named:
            if a.left == other.left:
                return self.nodes(a.right, other.right)
            return self._other_name(a, other)
        if not isinstance(a.right, Formula) or not isinstance(other.right, Formula):
            return undecided("equation")
        return self._leaf(f"{a.left}={a.right.latex}", f"{other.left}={other.right.latex}")

    def _other_name(self, a: Equation, b: Equation) -> Comparison | None:
        """x = v and y = v may name one thing; f(x) = x^2 and f(t) = t^2 do; x = y and y = x are one equation."""
        if isinstance(a.right, Formula) and isinstance(b.right, Formula):
            if "(" in a.left and "(" in b.left:
                return self._leaf(f"{a.left}={a.right.latex}", f"{b.left}={b.right.latex}")
            found = self._leaf(f"{a.left}-({a.right.latex})", f"{b.left}-({b.right.latex})")
            if found is None or found.verdict is Equality.EQUAL:
                return found
        inside = self.nodes(a.right, b.right)
        return undecided("name") if inside is None or inside.verdict is Equality.EQUAL else inside

    def _groups(self, a: Group, other: Node) -> Comparison | None:
        if not isinstance(other, Group):
            return self._single(a, other)
        if _grouped_names(a) or _grouped_names(other):
            return self._assignments(a, other)
        brackets = {a.brackets, other.brackets}
        if "{}" in brackets and brackets & {"()", "[]"} and self._kind is None:
            return undecided("brackets") if "[]" in brackets else different("set and tuple")
        if brackets == {"()", "[]"} and self._kind not in _ORDERED and len(a.items) == 2:
            return self._as_pair_or_interval(a, other)
        if brackets & {"()", "[]"} or self._kind in ("tuple", "matrix"):
            found = self._in_order(a.items, other.items)
            bare = "" in brackets and len(brackets) == 2 and self._kind not in _ORDERED
            return undecided("brackets") if bare and found and found.verdict is Equality.EQUAL else found
        found = self._unordered(a.items, other.items)
        if self._kind == "list" and "{}" not in brackets and found and found.verdict is Equality.EQUAL:
            ordered = self._in_order(a.items, other.items)
            return undecided("order") if ordered and ordered.verdict is Equality.DIFFERENT else ordered
        return found

    def _as_pair_or_interval(self, a: Group, b: Group) -> Comparison | None:
        found = self._in_order(a.items, b.items)
        if found is None or found.verdict is not Equality.EQUAL:
            return found
        return different("ends") if self._kind in ("interval", "inequality") else undecided("brackets")

    def _single(self, a: Group, other: Node) -> Comparison | None:
        """Several values against one: surely different where they cannot all be that one."""
        each = [self.nodes(item, other) for item in a.items]
        verdicts = {found.verdict if found else None for found in each}
        if None in verdicts:
            return None
        if verdicts == {Equality.EQUAL}:
            return equal("repeated value")
        units = {item.unit if isinstance(item, Formula) else None for item in a.items}
        if Equality.UNDECIDED in verdicts or len(units) > 1:  # 2 hours and 13 minutes are 133 minutes
            return undecided("several and one")
        return different("several and one")

    def _assignments(self, a: Group, b: Group) -> Comparison | None:
        """`x = 2, y = 1` by names; against `(2, 1)` in the order in which they are written."""
        if _grouped_names(a) and _grouped_names(b):
            left, right = ({item.left: item.right for item in g.items if isinstance(item, Equation)} for g in (a, b))
            if set(left) == set(right) and len(left) == len(a.items) == len(b.items):
                return _all([self.nodes(left[name], right[name]) for name in sorted(left)], "values by name")
            return self._unordered(a.items, b.items)
        named, bare = (a, b) if _grouped_names(a) else (b, a)
        values = tuple(item.right for item in named.items if isinstance(item, Equation))
        if bare.brackets == "{}" or len({item.left for item in named.items if isinstance(item, Equation)}) == 1:
            return self._unordered(values, bare.items)
        return self._in_order(values, bare.items)

    def _in_order(self, a: Sequence[Node], b: Sequence[Node]) -> Comparison | None:
        if len(a) != len(b):
            return undecided("words") if any(isinstance(item, Words) for item in (*a, *b)) else different("length")
        return _all([self.nodes(x, y) for x, y in zip(a, b, strict=True)], "in order")

    def _unordered(self, a: Sequence[Node], b: Sequence[Node]) -> Comparison | None:
        """Both ways: every value has its equal on the other side, however often it is written."""
        table = [[self.nodes(x, y) for y in b] for x in a]
        columns = [list(column) for column in zip(*table, strict=True)]
        for line in (*table, *columns):
            if all(found is not None and found.verdict is Equality.DIFFERENT for found in line):
                return different("as a set")
        if all(
            any(found is not None and found.verdict is Equality.EQUAL for found in line)
            for line in (*table, *columns)
        ):
            return equal("as a set")
        return None if any(found is None for line in table for found in line) else undecided("as a set")

    def _ranges(self, a: Range | Union, other: Node) -> Comparison | None:
        left, right = _parts(a), _parts(other)
        if right is None:
            if isinstance(other, Group) and not other.brackets.strip("{}"):
                return different("range and values")
            return different("range and value") if isinstance(other, Formula) and self._kind else undecided("range")
        if left is None or len(left) != len(right):
            return undecided("ranges")
        table = [[self._range(x, y) for y in right] for x in left]
        for line in (*table, *(list(column) for column in zip(*table, strict=True))):
            if all(found is not None and found.verdict is Equality.DIFFERENT for found in line):
                return different("ranges")
            if not any(found is not None and found.verdict is Equality.EQUAL for found in line):
                return None if any(found is None for found in line) else undecided("ranges")
        return equal("ranges")

    def _range(self, a: Node, b: Node) -> Comparison | None:
        if isinstance(a, Range) and isinstance(b, Range):
            if [x is None for x in (a.low, a.high)] != [x is None for x in (b.low, b.high)]:
                return different("unbounded")
            ends = [
                self.nodes(x, y) for x, y in ((a.low, b.low), (a.high, b.high)) if x is not None and y is not None
            ]
            found = _all(ends, "ends")
            same = all(
                x == y for x, y, end in zip(a.closed, b.closed, (a.low, a.high), strict=True) if end is not None
            )
            return different("ends") if found and found.verdict is Equality.EQUAL and not same else found
        return (
            self.nodes(a, b) if not (isinstance(a, Range) or isinstance(b, Range)) else different("range and value")
        )


def _parts(node: Node) -> list[Node] | None:
    """The ranges in an answer, a pair or a closed pair taken as one; None where it has none."""
    if isinstance(node, Range):
        return [node]
    if isinstance(node, Union):
        inside = [_parts(part) for part in node.parts]
        return None if any(part is None for part in inside) else [one for part in inside for one in part or ()]
    if isinstance(node, Group) and node.brackets in ("()", "[]") and len(node.items) == 2:
        closed = node.brackets == "[]"
        return [Range(node.items[0], node.items[1], (closed, closed))]
    if isinstance(node, Group) and node.brackets == "{}":
        return list(node.items)
    return None


def _grouped_names(group: Group) -> bool:
    return all(isinstance(item, Equation) and item.named for item in group.items)


def _phrases(a: Phrase, other: Node) -> Comparison:
    if not isinstance(other, Phrase):
        return undecided("phrase")
    meanings = {a.meaning, other.meaning}
    if len(meanings) == 1:
        return equal(f"phrase: {a.meaning}")
    for sort in ("option", "group"):
        if all(meaning.startswith(sort) for meaning in meanings):
            return different(sort)
    if meanings in _SAME:
        return equal("phrase: none")
    return different("phrase") if meanings in _OPPOSED else undecided("phrase")


def _all(found: Sequence[Comparison | None], rule: str) -> Comparison | None:
    """All parts must be equal; one that surely differs decides, whatever the others are."""
    for comparison in found:
        if comparison is not None and comparison.verdict is Equality.DIFFERENT:
            return comparison
    if any(comparison is None for comparison in found):
        return None
    for comparison in found:
        if comparison is not None and comparison.verdict is Equality.UNDECIDED:
            return comparison
    rules = sorted({comparison.rule for comparison in found if comparison is not None})
    return equal("; ".join(rules)) if rules else equal(rule)


def _renamed(found: Comparison | None, rule: str) -> Comparison | None:
    return Comparison(found.verdict, f"{found.rule}, {rule}") if found is not None else None
