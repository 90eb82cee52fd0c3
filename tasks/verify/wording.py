r"""Words around an answer: the shell it came in, lead-ins, conditions, set phrases, choice letters. Pure.

"All solutions are f(x)=0 for all real x" says f(x)=0; what is taken off is kept apart, because "for n > 2" may
matter where "for all x" does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.verify import normal

_SHELLS = (
    # What is left of a JSON reply: "answer": "x = 4/9" }
    re.compile(r"""^.*["']answer["']\s*:\s*(?P<inside>.*?)[\s,}]*$""", re.DOTALL),
    re.compile(r"""^(?P<inside>.*?)(?:\\?["']\s*,?|["']?\s*,?\s*\})\s*$""", re.DOTALL),
)
_MANGLED = (
    (re.compile(r"\t(?=ext|imes|heta)"), r"\\t"),
    (re.compile(r"\x0c(?=rac)"), r"\\f"),
    (re.compile(r"\x08(?=oxed|inom)"), r"\\b"),
)
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_NOUNS = (
    r"(?:solutions?|functions?|values?|pairs?|triples?|tuples?|integers?|numbers?|polynomials?"
    r"|answers?|roots?|primes?)"
)
_LEADS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r".{0,200}?\bthat is,? (?=\S*[=(\d])(?P<core>.+)",
        rf"(?:the )?(?:all |only |such |possible |positive |real |integral |integer )*{_NOUNS}"
        r"(?: [^=\d$\\]{0,60}?)? (?:is|are)(?: given by)?(?: equal to)?(?: the)?:? (?P<core>.+)",
        r"(?:the|its|this) [^=\d$\\]{1,80}? (?:is|are|equals|approaches|would be)"
        r"(?: equal to| to approach| exactly)? (?P<core>(?:the matrix )?[-+({\[\\\d.$].*)",
        r"all real numbers (?P<core>[a-zA-Z] ?(?:[<>]|\\[gl]e).*)",
        r"(?:the matrix|the number|the value|approximately|about|exactly|answer|result|either|only|just"
        r"|we have|it is) (?P<core>\S.*)",
    )
)
_IDENTIFIER = r"[A-Za-z](?:_\{?\w\}?)?"
_CONDITION = re.compile(
    r"(?:,?\s*(?:\\forall|(?<![A-Za-z\\])(?:for (?:all|any|every|each|some)|where|with|when|whenever|if|such that"
    rf"|provided|and any|as long as)(?![A-Za-z]))|,\s*(?={_IDENTIFIER}(?:\s*,\s*{_IDENTIFIER})*\s*\\in\s)).*$",
    re.IGNORECASE | re.DOTALL,
)
_EVERY = re.compile(r"^[\s,]*(?:\\forall|for (?:all|any|every|each)|and any)(?![A-Za-z])", re.IGNORECASE)
_FREE = re.compile(
    r"^[\s,]*(?:(?:for some|for (?:all|any|every)|where|with|for)\s+)?"
    r"(?:(?:real|arbitrary|complex|any|a|an)\s+)*(?:constants?\s+)*"
    rf"(?P<names>{_IDENTIFIER}(?:\s*(?:,|and)\s*{_IDENTIFIER})*)?"
    r"\s*(?:(?:is|are)\s+(?:a|an|any|some)?\s*|\\in\s*|>\s*0)?(?P<domain>\\mathbb\{?\s*[RZNQC]\s*\}?|\\R|\\Z)?"
    r"(?:\s*(?:arbitrary|real|constants?|numbers?))*\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Worded:
    """An answer without the words around it. `condition` is what it was said under, as plain words ("" for none,
    and for a mere "for all x"); `free` are the names that were declared to be constants."""

    core: str
    condition: str = ""
    free: tuple[str, ...] = ()


def unshelled(text: str) -> str:
    """A text without the JSON or quotation marks that it was cut out of, and with doubled backslashes single."""
    text = re.sub(
        r"\t(?=ext|imes|heta)", r"\\t", re.sub(r"\x0c(?=rac)", r"\\f", re.sub(r"\x08(?=oxed|inom)", r"\\b", text))
    )
    text = re.sub(r"\\\\(?=[a-zA-Z(\[)\]])", r"\\", text) if r"\begin" not in text else text
    for shell in _SHELLS:
        match = shell.fullmatch(text) if '"' in text or "'" in text else None
        if match and match["inside"].count("{") == match["inside"].count("}"):
            text = match["inside"].strip()
            text = text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text.lstrip("\"'")
    return text


def unset(bare: str) -> str:
    r"""A text with `\text{...}` opened, so that words are words however they are set."""
    previous = ""
    while previous != bare:
        previous, bare = bare, _TEXT.sub(r" \1 ", bare)
    return re.sub(r"\s+", " ", bare).strip()


def worded(bare: str) -> Worded:
    """Take the words off an answer in which words are bare."""
    text, condition = bare, ""
    free: tuple[str, ...] = ()
    cut = _CONDITION.search(text)
    if cut and text[: cut.start()].strip():
        text, said = text[: cut.start()].strip(" ,;"), cut.group().strip(" ,.;")
        condition, free = _meaning(said)
    for lead in _LEADS:
        if match := lead.fullmatch(text):
            text = match["core"].strip()
    text = re.sub(r"^(?:the )?(?:constant )?zero function (?:and|or) ", "f(x)=0 or ", text, flags=re.IGNORECASE)
    return Worded(text.lstrip(" ,;").rstrip(" .,;"), condition, free)


_VALUE = re.compile(r"(?<![\w.^_{\\])[-+]?\d[\d,]*(?:\.\d+)?(?![\w^_{}(])")
_HEDGED = re.compile(
    r"\b(?:not|no|least|most|less|more|than|if|unless|between|never|mod|modulo|either|or|and)\b|[=<>\\$]", re.I
)


def only_number(text: str) -> str | None:
    """The number in a plain sentence that has one, hedges nothing and holds no formula: "It takes 3 hours"."""
    found = _VALUE.findall(text)
    plain = len(found) == 1 and len(re.findall(r"\d+", text)) == len(re.findall(r"\d+", found[0]))
    words = len(re.findall(r"[^\W\d_]{2,}", text)) >= 3
    return found[0].rstrip(",") if plain and words and not _HEDGED.search(text) else None


_KIND_OF = re.compile(
    r"^(?:or )?(?:all |the )?(?:(?:constant|zero|identity|linear|trivial) )?(?:functions?|polynomials?)"
    r" (?=[a-zA-Z]\()",
    re.IGNORECASE,
)


def without_kind(text: str) -> str:
    """A formula without the kind of thing it is: "the constant function f(x) = 1"."""
    return _KIND_OF.sub("", text)


def _meaning(said: str) -> tuple[str, tuple[str, ...]]:
    """What a condition asks for: nothing where it only says "for all x" or that a name is a constant."""
    if free := _FREE.fullmatch(said):
        names = tuple(re.findall(r"[A-Za-z](?:_\{?\w\}?)?", re.sub(r"\band\b", "", free["names"] or "")))
        domain = re.sub(r"[^ZNQC]", "", (free["domain"] or "").replace("mathbb", ""))
        return (f"in {domain}" if domain and not _EVERY.match(said) else ""), (() if _EVERY.match(said) else names)
    if _EVERY.match(said) and not re.search(r"[<>=\d]|\\[gln]e|\\ne|even|odd|prime", said):
        return "", ()
    return re.sub(r"[\s,.;{}]+|\bthe\b", "", said).casefold(), ()


_ANY = r"(?:[\w()',-]+ ){0,8}?"
_NOUN = rf"{_ANY}{_NOUNS[:-1]}|limits?|sequences?|polygons?|sets?|strateg(?:y|ies))"
_WHO = r"(?: [a-z](?: and [a-z])*)?"
_DOES = r"(?: (?:exists?|satisf\w+|work).*| in .+)?"
_PHRASES = (
    ("no such", rf"(?:there (?:are|is|exists?|do(?:es)? not exist) )?no (?:such )?{_NOUN}{_WHO}{_DOES}"),
    ("no such", r"no such [a-z](?: exists)?"),
    ("none", r"none|no such|(?:the )?empty set|\\emptyset|\\varnothing|\\\{\s*\\\}"),
    ("no limit", r"(?:the |this |that |such )?(?:\w+ ){0,3}(?:does not|doesn't|do not|don't) exist|dne"),
    ("impossible", r"(?:(?:it|this|that) )?(?:is )?(?:not possible|impossible)"),
    ("impossible", r"such an? \w+ is (?:not possible|impossible)"),
    ("infinite", rf"(?:there are )?infinitely many(?: {_NOUN})?|infinite(?:ly many)?"),
    ("yes", r"yes(?:[\s,.;:].*)?|true(?:[,.;:].*)?"),
    ("no", r"no(?:[,.;:].*)?|false"),
)
_MEANINGS = tuple((meaning, re.compile(pattern, re.I | re.S)) for meaning, pattern in _PHRASES)
_CHOICE = re.compile(r"^\(?(?P<letter>[A-H])(?:\)|[.:](?=\s|$))")


def phrase(bare: str) -> str | None:
    """Which set phrase a text is: none, no limit, impossible, infinite, yes, no; else None."""
    text = unset(bare).strip(" .!{}")
    return next((meaning for meaning, pattern in _MEANINGS if pattern.fullmatch(text)), None)


def choice(bare: str) -> str | None:
    """The letter in "C) III and IV" or "(B)": the answer names an option."""
    match = _CHOICE.match(unset(bare))
    return match["letter"] if match else None


# Two letters side by side are a product in mathematics; these pairs are words or units.
_SHORT = re.compile(
    r"an|as|at|be|by|do|if|in|is|it|no|of|on|or|so|to|up|us|we|cm|mm|km|kg|ml|ft|ha|hz|ms", re.IGNORECASE
)
_COMMAND = re.compile(r"\\(?:begin|end)\s*\{[a-z]*matrix\}|\\[A-Za-z]+")
_KNOWN = {*normal.FUNCTIONS, *normal.GREEK, "sqrt", "mod", "sum", "xyz", "abc"}


def has_words(bare: str) -> bool:
    """Whether a `plain` text holds words, which a parser of formulas would read as products of letters."""
    if r"\text" in bare:
        return True
    runs = re.findall(r"[^\W\d_]{2,}(?![\^_\w])", _COMMAND.sub(" ", bare))
    product = len(bare) == 2 and bare.islower() and not _SHORT.fullmatch(bare)
    if runs == [bare] and bare not in _KNOWN and not product:
        return True
    # In capitals two letters are more often a segment than a word: NO/BO.
    return any((len(run) > 2 and run not in _KNOWN) or (_SHORT.fullmatch(run) and not run.isupper()) for run in runs)
