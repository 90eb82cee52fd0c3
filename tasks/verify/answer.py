r"""What an answer is made of: a formula, a list, a tuple, a set, a range of numbers, an equation, a phrase. Pure.

The structure is read from the text, before any parser of formulas sees it, because such a parser cannot tell
a pair from an interval, an equation from its value, or a word from a product of letters. What is left in the
leaves is a formula in LaTeX.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import permutations

from tasks.verify import groups, normal, units, wording
from tasks.verify.numbers import number


@dataclass(frozen=True, slots=True)
class Formula:
    """A leaf: LaTeX, and the unit that stood behind it (None: none)."""

    latex: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Several answers, and the brackets round them: `()`, `[]`, `{}` or nothing (a bare list)."""

    items: tuple[Node, ...]
    brackets: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """An interval or the solutions of an inequality: its ends (None: unbounded) and whether each belongs to it."""

    low: Node | None
    high: Node | None
    closed: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Union:
    """Several ranges together."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Equation:
    """`left = right`. `named`: left is a mere name, such as x or f(x), so the right side is the answer."""

    left: str
    right: Node
    named: bool


@dataclass(frozen=True, slots=True)
class Phrase:
    """A set phrase, by its meaning, or `option C`."""

    meaning: str


@dataclass(frozen=True, slots=True)
class Words:
    """What no rule can read, and why."""

    text: str
    why: str


Node = Formula | Group | Range | Union | Equation | Phrase | Words


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as read. `condition`: what it was said under, "" where nothing; `free`: names of free constants."""

    node: Node
    condition: str = ""
    free: tuple[str, ...] = field(default=())


_RELATION = re.compile(r"\\(?:le|ge|ne|in|equiv|subset|mid)(?![a-zA-Z])|[<>=]")
_NAME = re.compile(
    r"\s*(?:\\?[A-Za-z]+(?:_\{?\w+\}?)?'*(?:\s*\([^()=]{1,20}\))?|\\angle\s*\{?\s*[A-Z]+\s*\}?|\|?[A-Z]{2}\|?"
    r"|\\frac\s*\{[A-Z_\d]+\}\s*\{[A-Z_\d]+\}|[A-Z][A-Z_{}\d]*\s*[:/]\s*[A-Z][A-Z_{}\d]*|\[[A-Z]+\])\s*"
)
_SET_OF = re.compile(
    r"\\\{\s*(?:\(?[A-Za-z, ]+\)?)\s*(?:\\mid|\||:|\\in\s*\\mathbb\{?\s*R\s*\}?\s*(?:\\mid|\||:))(?P<rule>.*)\\\}",
    re.S,
)
_MATRIX = re.compile(r"\\begin\s*\{[bBpvV]?matrix\*?\}(?P<rows>.*)\\end\s*\{[bBpvV]?matrix\*?\}", re.DOTALL)
_MOST = 60  # values of one answer that are compared: sets take the square of it
_PERMUTED = re.compile(
    r"(?P<one>\([^()]*\)),? (?:and|or|with|plus)(?: all)?(?: of)?(?: its| the| their| any)?(?: other)?"
    r" (?P<cyclic>cyclic )?permutations?(?: of it)?",
    re.IGNORECASE,
)
_OPEN = "([{"


def read(text: str, *, letter_units: bool = False) -> Answer:
    """Read an answer; with `letter_units`, `5 m` is five metres. Never raises on any text."""
    bare = normal.plain(wording.unshelled(text))
    if letter := wording.choice(bare):
        return Answer(Phrase(f"option {letter}"))
    if meaning := wording.phrase(bare):
        return Answer(Phrase(meaning))
    if quantity := units.quantity(wording.unset(bare), set_apart=letter_units or r"\text" in bare):
        return Answer(Formula(normal.latex(quantity.value), quantity.unit))
    for _ in range(5):
        bare = bare[1:-1].strip() if bare.startswith("{") and _whole(bare) else bare
    if (invariants := groups.invariants(bare)) is not None:
        return Answer(Phrase(f"group {' '.join(invariants)}"))
    said = wording.worded(wording.unset(bare))
    if (permuted := _permutations(said.core)) is not None:
        return Answer(permuted, said.condition, said.free)
    return Answer(_node(said.core, depth=0), said.condition, said.free)


def _permutations(text: str) -> Node | None:
    """`(1, 1, 2) and its permutations`, written out."""
    match = _PERMUTED.fullmatch(text)
    node = _node(match["one"], depth=0) if match else None
    if match is None or not isinstance(node, Group) or len(node.items) > 5:
        return None
    items = node.items
    turns = [items[i:] + items[:i] for i in range(len(items))] if match["cyclic"] else permutations(items)
    return Group(tuple(Group(tuple(each), node.brackets) for each in dict.fromkeys(turns)))


def _node(text: str, depth: int) -> Node:
    text = wording.without_kind(text.strip().strip(",;").strip())
    if not text:
        return Words(text, "fragment")
    if depth > 20:
        return Words(text, "too deep")
    if number(normal.latex(text).strip()):
        return Formula(normal.latex(text).strip())
    if match := _MATRIX.fullmatch(text):
        rows = [_split(row, "&") for row in re.split(r"\\\\", match["rows"]) if row.strip()]
        return _grid([[_node(cell, depth + 1) for cell in row] for row in rows])
    if match := _SET_OF.fullmatch(text):
        return _node(match["rule"], depth + 1)
    for read_as in (_bracketed, _union, _list, _relation, _sign, _quantity):
        if (found := read_as(text, depth)) is not None:
            return found
    return _leaf(text)


def _grid(rows: list[list[Node]]) -> Node:
    """A matrix as nested lists; one column or one row as a single list."""
    if all(len(row) == 1 for row in rows):
        return Group(tuple(row[0] for row in rows), "()")
    if len(rows) == 1:
        return Group(tuple(rows[0]), "()")
    return Group(tuple(Group(tuple(row), "[]") for row in rows), "[]")


def _union(text: str, depth: int) -> Node | None:
    parts = _split(text, r"\\cup(?![a-zA-Z])|(?<=[)\]])\s*U\s*(?=[(\[])")
    return Union(tuple(_node(part, depth + 1) for part in parts)) if len(parts) > 1 else None


def _list(text: str, depth: int) -> Node | None:
    """A bare list: separated by commas, semicolons, and, or; or tuples side by side."""
    text = re.sub(r"(?<=\))\s*(?=\([^()]*,)", ", ", text) if text.startswith("(") else text
    parts = _split(text, r"[,;]?\s*(?<![A-Za-z\\])(?:and|or|OR)(?![A-Za-z])\s*,?|[;,]")
    parts = [part for part in parts if part.strip()]
    if len(parts) < 2:
        return None
    name, values = _common_name(parts)
    listed = _group([_node(part, depth + 1) for part in (values or parts)], "")
    if isinstance(listed, Group) and all(isinstance(item, Range) for item in listed.items):
        return Union(listed.items)
    return Equation(name, listed, named=True) if name else listed


def _common_name(parts: list[str]) -> tuple[str, list[str]]:
    """The name in `n = 2, 3, 4`, or in `x = 1 or x = 2`, and the values; ("", []) where there is none."""
    heads = [_assignment(part) for part in parts]
    if heads[0] and not any(heads[1:]) and not any(_RELATION.search(part) for part in parts[1:]):
        return heads[0][0], [heads[0][1], *parts[1:]]
    if all(heads) and len({head[0] for head in heads if head}) == 1 and heads[0]:
        return heads[0][0], [head[1] for head in heads if head]
    return "", []


def _assignment(text: str) -> tuple[str, str] | None:
    left, equals, right = text.partition("=")
    if not equals or "=" in right or not _NAME.fullmatch(left) or re.search(r"[<>]|\\[gln]e(?![a-z])", text):
        return None
    return re.sub(r"\s", "", left), right


def _relation(text: str, depth: int) -> Node | None:
    """An equation, or an inequality in one name as a range; other relations are left to the leaf."""
    marks = _split(text, r"\\(?:le|ge)(?![a-zA-Z])|[<>]")
    if len(marks) in (2, 3) and "=" not in text:
        return _range(text, marks, depth)
    belongs = _split(text, r"\\in(?![a-zA-Z])|=|\\equiv(?![a-zA-Z])")
    if len(belongs) < 2:
        return None
    left, right = belongs[0], belongs[-1]
    if not right.strip() or not left.strip():
        return Words(text, "fragment")
    if wording.has_words(normal.latex(left)) and not _NAME.fullmatch(left):
        return Words(text, "words")
    tuple_of_names = re.fullmatch(r"\s*[(\[]\s*\w+(?:\s*,\s*\w+)*\s*[)\]]\s*", left)
    if tuple_of_names:
        return _node(right, depth + 1)
    if r"\mathbb" in right:
        return Words(text, "domain")
    named = _NAME.fullmatch(left) is not None
    if not named and not any(re.search(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", "", side)) for side in belongs):
        return _node(right, depth + 1)  # 2 + 3 = 5: a calculation
    return Equation(re.sub(r"\s", "", left) if named else normal.latex(left), _node(right, depth + 1), named)


def _range(text: str, parts: list[str], depth: int) -> Node | None:
    signs = re.findall(r"\\(?:le|ge)(?![a-zA-Z])|[<>]", text)
    if len(signs) != len(parts) - 1:
        return None
    up = [sign in ("<", r"\le") for sign in signs]
    name = re.compile(r"\s*\\?[A-Za-z]+(?:_\{?\w+\}?)?(?:\([a-z]\))?\s*")
    if len(parts) == 3:
        if up[0] != up[1] or not name.fullmatch(parts[1]) or _holds(parts[1], parts[0], parts[2]):
            return None
        low, high = (parts[0], parts[2]) if up[0] else (parts[2], parts[0])
        ends = ("\\" in signs[0], "\\" in signs[1])
        return Range(_end(low, depth), _end(high, depth), ends if up[0] else (ends[1], ends[0]))
    left, right = parts
    closed = "\\" in signs[0]
    if name.fullmatch(left) and not _holds(left, right):
        left, right, up = right, left, [not up[0]]
    elif not name.fullmatch(right) or _holds(right, left):
        return None
    # now: left < name (up) or left > name
    end = _end(left, depth)
    return Range(end, None, (closed, False)) if up[0] else Range(None, end, (False, closed))


def _holds(name: str, *ends: str) -> bool:
    bare = name.strip()
    return any(re.search(rf"(?<![A-Za-z\\]){re.escape(bare)}(?![A-Za-z])", end) for end in ends)


def _end(text: str, depth: int) -> Node | None:
    return None if re.fullmatch(r"\s*[-+]?\s*(?:\\infty|oo|inf(?:inity|ty)?)\s*", text) else _node(text, depth + 1)


def _bracketed(text: str, depth: int) -> Node | None:
    """`(a, b)`, `[a, b)`, `\\{a, b\\}`, `{a}`; one value in brackets is that value."""
    if not _whole(text):
        return None
    curly = text.startswith(r"\{")
    inner = text[2:-2] if curly else text[1:-1]
    brackets = "{}" if curly else "" if text[0] == "{" else text[0] + text[-1]
    if brackets == "[]" and ";" in inner:
        rows = [[cell for cell in _split(row, "[, ]") if cell.strip()] for row in _split(inner, ";")]
        return _grid([[_node(cell, depth + 1) for cell in row] for row in rows if row])
    parts = _split(inner, ",|;")
    if len(parts) == 1:
        return _node(inner, depth + 1)
    bounded = [_end(part, depth) for part in parts]
    if len(parts) == 2 and (brackets not in ("()", "[]", "{}", "") or (brackets != "{}" and None in bounded)):
        return Range(bounded[0], bounded[1], (brackets[0] == "[", brackets[1] == "]"))
    return _group([_node(part, depth + 1) for part in parts if part.strip()], brackets)


def _group(items: list[Node], brackets: str) -> Node:
    r"""Values in brackets; what a sign stands for is spread out: \{1 \pm 2\} are two values, (0, \pm 2) two pairs."""
    if len(items) > _MOST:
        return Words("", "too many")
    spread = [index for index, item in enumerate(items) if isinstance(item, Group) and not item.brackets]
    if brackets in ("{}", ""):
        flat = [
            inner
            for item in items
            for inner in (item.items if isinstance(item, Group) and not item.brackets else (item,))
        ]
        return Group(tuple(flat), brackets)
    if len(spread) > 1:
        return Words("", "signs")
    if not spread:
        return Group(tuple(items), brackets)
    (index,) = spread
    item = items[index]
    values = item.items if isinstance(item, Group) else ()
    return Group(tuple(Group((*items[:index], value, *items[index + 1 :]), brackets) for value in values))


def _whole(text: str) -> bool:
    """Whether the bracket that opens the text is closed by the one that ends it, of whatever shape."""
    if re.match(r"\\\{|[(\[{\]]", text) is None:
        return False
    depth = 0
    for mark in re.finditer(r"\\?[{}]|[()\[\]]", text):
        opens = mark.start() == 0 or (mark.group()[-1] in _OPEN and mark.end() < len(text))
        depth += 1 if opens else -1
        if depth == 0:
            return mark.end() == len(text)
    return False


def _sign(text: str, depth: int) -> Node | None:
    r"""`a \pm b` is two values; several signs in one formula go together."""
    if not re.search(r"\\(?:pm|mp)(?![a-zA-Z])", text):
        return None
    signs = ({"pm": "+", "mp": "-"}, {"pm": "-", "mp": "+"})
    forms = [re.sub(r"\\(pm|mp)(?![a-zA-Z])", lambda m, by=by: by[m.group(1)], text) for by in signs]  # type: ignore[misc]
    return Group(tuple(_node(re.sub(r"^\s*\+", "", form), depth + 1) for form in forms))


def _quantity(text: str, _: int) -> Node | None:
    found = units.quantity(text, set_apart=False)
    return Formula(normal.latex(found.value), found.unit) if found else None


def _leaf(text: str) -> Node:
    latex = normal.latex(text).strip()
    for why, found in (
        ("words", wording.has_words(latex)),
        ("ellipsis", r"\ldots" in latex),
        ("base", re.search(r"\d_", latex)),
        ("fragment", re.search(r"^\s*(?:[=/*^]|\\le|\\ge|\\ne)|[=/*^+<>-]\s*$", latex)),
        ("quoted", '"' in latex),
        ("units", re.search(r"[\d})]\s+[msghlLNJWVKF]$", latex)),
        ("derivative", "'" in latex),
    ):
        if found:
            return Words(text, why)
    return Formula(latex)


def _split(text: str, separator: str) -> list[str]:
    """Split at a pattern, but only outside of brackets."""
    parts, start, depth = [], 0, 0
    pattern = re.compile(rf"(?P<open>\\begin\b|\\\{{|[({{\[])|(?P<close>\\end\b|\\\}}|[)}}\]])|(?P<cut>{separator})")
    position = 0
    while match := pattern.search(text, position):
        position = max(match.end(), match.start() + 1)
        if match["cut"] is not None:
            if depth <= 0:
                parts.append(text[start : match.start()])
                start = match.end()
        else:
            depth += 1 if match["open"] else -1
    return [*parts, text[start:]]
