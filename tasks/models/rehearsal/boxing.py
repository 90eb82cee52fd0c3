r"""The final answer of a recorded solution, found by rule in its one closing sentence.

A recorded model says "The smallest value of s is \( 2^{m+1} \), achieved when a = b."; a solver that is
graded boxes it. The rules read that sentence and nothing else. Where none applies, there is no box: a
solver without a box is something the pipeline has to cope with anyway.

>>> final_answer("There are 239 strings of length 6 where each pair differs by at most 1.")
'239'
>>> final_answer("The only solution is (x, y) = (2, 1).")
'(2, 1)'
>>> final_answer("It is not possible to determine the value.") is None
True
"""

from __future__ import annotations

import re

from tasks.models.rehearsal.notation import latex, matching

_WORDS = {"one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8"}
_COUNT = rf"(?P<count>\d[\d,]*|{'|'.join(_WORDS)})\b(?![\^!/])"
_MATH = r"(?P<math>\\\(.*?\\\)|⌊.*?⌋|[a-z] [-+] \d+)"

_UNDECIDED = re.compile(
    r"\b(?:cannot|can't|could not|unable to|not possible to|difficult to) (?:be )?(?:\w+ly )?(?:\w+ )?"
    r"(?:determin|comput|find|found|say|simplif|solved|expressed|resolved)"
    r"|\bwithout (?:further|additional|more|knowing|explicit|a more)\b|\bseems unlikely\b|\bnot fully\b"
    r"|\binsufficient\b|\bno (?:simple|known|conclusive|straightforward)\b|\bwould (?:likely )?require\b"
    r"|\bnot have a (?:straightforward|simple)|\b(?:one must|would need)\b|\bnot yield\b|\bnumerical(?:ly)? ",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"(Yes|No)\b[,.]")
_DENIAL = re.compile(
    r"^It is not possible\b|\bcannot (?:contain|be (?:an? |\d))|\bis not an? (?:prime|perfect|composite)\b"
)
_NONE_SUCH = re.compile(
    r"(?:^There (?:are|is)|\b(?:has|have)) no (?P<what>(?:[a-z-]+ ){0,3}?"
    r"(?:solution|value|zero|root|number|integer|sequence)s?)\b(?! (?:solution|value|zero|root|number|integer))"
)
_NOT_EXIST = re.compile(r"\b(?:do|does) not exist\b|\bdoes not have a (?:finite )?limit\b")
_MONOTONE = re.compile(r"\bis (monotonically (?:in|de)creasing)\.$")
_COUNTED = [
    re.compile(pattern)
    for pattern in (
        rf"(?:^T|, t)here (?:is|are) (?:exactly |only )*{_COUNT} [a-zA-Z]",
        rf"^(?:At (?:most|least)|Exactly|A (?:minimum|maximum|total) of),? (?:there are )?(?:all )?{_COUNT} [a-z]",
        rf"\bholds (?:true )?for (?:exactly |all )?{_COUNT} values?\b",
        rf"^(?:For )?(?:[Aa]ll )?(?:of the )?(?:first )?{_COUNT} (?:values|numbers|terms)\b",
        rf"\b(?:has|have) (?:exactly |at most |at least |only )*{_COUNT} [a-z]",
        rf"\bwith a period of {_COUNT}|\bresulting in a total of {_COUNT.replace('count', 'total')}",
    )
]
_COUNTED_MATH = [
    re.compile(pattern)
    for pattern in (
        rf"^There (?:is|are) (?:exactly )?{_MATH} (?:[a-z-]+ ){{0,3}}(?:ways|times|terms)\b",
        rf"\b(?:occurs|appears) {_MATH} times\b",
        rf"\b[Aa]t (?:most|least),? {_MATH} (?:of|values|roots|integer)",
    )
]

_COPULA = re.compile(
    r"\b(?:is|are|equals|factorizes (?:in)?to|factorizes into terms with integer coefficients as)"
    r"(?: (?:always|exactly|just|equal to|also|simply|congruent to|of the form|approximately|(?:the )?interval"
    r"|given by|the (?:expression|formula|sum|binomial coefficient)|the zero polynomial,))*[ :]+(?=\S)"
)
_REMARK = r"which|achieved|occurring|obtained|because|since|where|when|given(?! by)|meaning|regardless|resulting"
_SIDE_REMARK = re.compile(
    rf",? (?:{_REMARK})\b|, (?:as|but|so|and (?:it|that|this|they)|with (?:a|an|the|multiplicity))\b"
)
_STOP = re.compile(
    rf",? (?:{_REMARK}|as|so|for|if|mod|modulo|the|in|with|on|such|that|only|both|or equivalently)\b"
    r"|\.$|\.(?=\s)|;|:$"
)
_PIECEWISE = re.compile(r"\bfor (?:even|odd)\b|\bif\b|\beven\b.*\bodd\b")
_NAMED_TUPLE = re.compile(r"\(\s*[a-z](?:\s*,\s*[a-z])+\s*\)\s*=\s*(?=\()")
_MATH_TOKEN = re.compile(
    r"\\[a-zA-Z]+|\\[{},;: ()\[\]%]|\b(?:sqrt|floor|ceil|sin|cos|log|ln|gcd|max|min|and|or|[abcxyz]{3})\b"
    r"|\d[\d,]*(?:\.\d+)?|(?<![A-Za-z])(?!(?:is|of|in|as|no|at|to|be|by|if|an|it|so|we)\b)[a-zA-Z]{1,2}(?![a-zA-Z])"
    r"|[-+*/^_=<>!|(){}\[\],%'≤≥±√π∞−·×²³⁴⌊⌋⌈⌉∈]|\.\.\.|…|\s+"
)


def final_answer(closing: str) -> str | None:
    """The answer in LaTeX, without the box, or None where no rule finds one.

    The clause before the first side remark (", which occurs when ...") is read first: what a remark says
    of some variable is not the answer.
    """
    sentence = re.sub(r"\s+", " ", closing).strip()
    if boxed := _boxed(sentence):
        return boxed
    if _UNDECIDED.search(sentence):
        return None
    remark = _SIDE_REMARK.search(sentence)
    clauses = [sentence[: remark.start()] if remark else sentence, sentence]
    rules = (_yes_or_no, _counted, _none_such, _predicate)
    return next((found for clause in clauses for rule in rules if (found := rule(clause))), None)


def _boxed(sentence: str) -> str | None:
    start = sentence.find(r"\boxed{")
    end = matching(sentence, start + 6, "{}") if start >= 0 else None
    return sentence[start + 7 : end] if end else None


def _yes_or_no(sentence: str) -> str | None:
    if found := _YES_NO.match(sentence):
        return rf"\text{{{found.group(1)}}}"
    return r"\text{No}" if _DENIAL.search(sentence) else None


def _counted(sentence: str) -> str | None:
    """Sentences that count: "There are 239 strings ...", "At most two of ..."."""
    sentence = re.sub(r"\\\( ?(\d+) ?\\\)", r"\1", sentence)
    if sentence.startswith("There are infinitely many"):
        return r"\text{infinitely many}"
    for pattern in _COUNTED:
        if found := pattern.search(sentence):
            count = next(filter(None, found.groups()))
            return latex(_WORDS.get(count, count).rstrip(","))
    for pattern in _COUNTED_MATH:
        if (found := pattern.search(sentence)) and not _PIECEWISE.search(sentence, found.end()):
            return _value(found.group("math"))
    return None


def _none_such(sentence: str) -> str | None:
    """What does not exist, and the one adjective that answers a question about sequences."""
    if found := _NONE_SUCH.search(sentence):
        return rf"\text{{No {found.group('what')}}}"
    if found := _MONOTONE.search(sentence):
        return rf"\text{{{found.group(1)}}}"
    return r"\text{Does not exist}" if _NOT_EXIST.search(sentence) else None


def _predicate(clause: str) -> str | None:
    """What stands after the last "is" or "are" that is followed by mathematics, or a whole equation."""
    for copula in reversed(list(_COPULA.finditer(clause))):
        if value := _value(clause[copula.end() :]):
            return value
    return _value(clause) if "=" in clause and not _COPULA.search(clause) else None


def _value(text: str) -> str | None:
    r"""Mathematics at the start of `text` as LaTeX: `\( x = 3 \)` gives 3, "1, 4, and 9" gives 1, 4, 9."""
    if _PIECEWISE.search(text):
        return None
    text = re.sub(r"\bwith (?=(?:\\\( ?)?[a-z] ?=)", "and ", text)
    stop = _STOP.search(text)
    text = (text[: stop.start()] if stop else text).strip(" .,")
    text = _NAMED_TUPLE.sub("", re.sub(r"\\[()]|\$", " ", text)).strip()
    if _MATH_TOKEN.sub("", text) or not re.search(r"[0-9a-zA-Z]", text):
        return None
    if text.startswith("{") and text.endswith("}"):
        return latex(rf"\{{{text[1:-1]}\}}")
    items = [item.strip() for item in re.split(r",? and |,? or ", text)]
    return latex(", ".join(_right_sides(items)))


def _right_sides(items: list[str]) -> list[str]:
    """`x = 1`, `x = -1` are two values of one unknown; `a = 3`, `b = -4` say which is which and stay."""
    split = [_sides(item) for item in items]
    unknowns = {sides[0].strip() for sides in split if len(sides) > 1}
    if len(unknowns) > 1 or any(len(sides) > 2 and "," in item for sides, item in zip(split, items, strict=True)):
        return items
    return [sides[-1].strip() for sides in split]


def _sides(equation: str) -> list[str]:
    """Split at signs of equality or membership outside brackets."""
    found, depth, last = [], 0, 0
    for sign in re.finditer(r"[({\[]|[)}\]]|(?<![<>\\!])=|\\in\b|∈|\\equiv\b", equation):
        if sign.group() in "({[":
            depth += 1
        elif sign.group() in ")}]":
            depth -= 1
        elif depth == 0:
            found.append(equation[last : sign.start()])
            last = sign.end()
    return [*found, equation[last:]]
