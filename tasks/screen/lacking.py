"""Rules on what is not in the text: a picture, its language, its own notation. Pure."""

from __future__ import annotations

import re

from tasks.screen.post import Post

_PICTURE = r"(?:figure|diagram|picture|image|drawing|illustration|photo|screenshot|sketch)"
_SHOWS = re.compile(
    rf"""\b(?:in|from|on)\s+the\s+(?:(?:given|following|adjoining|accompanying|attached)\s+)?(?:figure|diagram)\b(?!\s+of\b)
      | \bsee\s+(?:the\s+)?(?:\w+\s+)?{_PICTURE}\b
      | \b(?:look\s+at|refer\s+to|based\s+on|according\s+to)\s+the\s+(?:figure|diagram|screenshot|photo)\b
        (?!\s+of\b)
      | \bas\s+(?:seen|shown|illustrated|drawn)\s+in\s+the\s+{_PICTURE}\b | \bin\s+fig(?:ure|\.)\s*\d
      | \bthe\s+following\s+(?:figure|picture|diagram|image|drawing)\b
      | \battached\s+an?\s+(?:{_PICTURE})\b | \\includegraphics\b
      | \bhttps?://\S+\.(?:png|jpe?g|gif|svg)\b | \b(?:i\.)?imgur\.com/
      | ^the\s+(?:diagram|figure|picture)\s+shows\b
      | \b(?:network|circuit|number\s+line|(?:bar\s+)?chart|Venn\s+diagram)\s+(?:shown|below|above)\b
      | \b(?:{_PICTURE}|graph)\s+(?:shown|below|above|attached|to\ the\ (?:left|right))\b
      | \b(?:shown|pictured|illustrated|depicted)\s+(?:\w+\s+)?in\s+the\s+(?:\w+\s+)?{_PICTURE}\b
      | \battached\s+(?:{_PICTURE}|file|graph)\b | \[(?:image|img|attachment|figure)\b[^\]]{{0,80}}\]
      | !\[[^\]]{{0,80}}\]\( | \bpictured\s+(?:below|above|here)\b | \bas\s+shown\s+(?:below|above)\b
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_DRAWN = re.compile(
    r"\[asy\]|\\begin\{(?:tikzpicture|tabular|array|picture|asy|[pbvV]?matrix)\}|\\draw\b|<svg\b|\|\s*:?-{3,}"
)


_PICTURE_WORDS = (
    "fig", "diagram", "picture", "image", "drawing", "illustrat", "photo", "screenshot", "sketch", "graph", "chart",
    "network", "circuit", "number line", "attach", "shown", "depict", "[img", "![", "http", "imgur",
)  # fmt: skip


def missing_image(post: Post) -> str | None:
    """The text points to a picture, and there is no drawing in it as code."""
    if not post.says(*_PICTURE_WORDS):
        return None
    found = _SHOWS.search(post.text)
    return found.group() if found and not _DRAWN.search(post.text) else None


_ELSEWHERE = re.compile(
    r"""\b(?:using|by|in|as\ in|from|with|see|use)\s+(?:the\s+)?(?:result\s+of\s+)?(?:the\s+)?
        (?:exercise|theorem|lemma|example|problem)\s+\(?\d+(?:\.\d+)*\)?
      | \brefer\s+to\s+(?:exercise|theorem|lemma|example|problem)\s+\d
      | \b(?:repeat|using|result\s+of|continue)\s+(?:\w+\s+){0,3}?the\s+(?:previous|preceding|above)
        \s+(?:exercise|problem|question)\b
      | \b(?:information|results?|answer)\s+(?:from|of|in)\s+part\s+\(?[a-d1-4]\)?
      | \b(?:in|from)\s+(?:the\s+setting\s+of\s+)?(?:my\s+(?:last|previous|other)|last\s+week's)
        \s+(?:post|question|thread)\b
      | \b(?:from|in)\s+the\s+(?:lecture|class|textbook)\s+at\b
      | \busing\s+equation\s+\(\d+\.\d+\) | \b(?:described|defined|introduced)\s+earlier\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ELSEWHERE_WORDS = (
    "exercise", "theorem", "lemma", "example", "problem", "question", "part", "post", "thread", "lecture", "class",
    "textbook", "equation (", "earlier", "http",
)  # fmt: skip
_LINK = re.compile(
    r"\b(?:the\s+(?:problem|question)\s+is\s+(?:the\s+one\s+)?in|do(?:n't|\s+not)\s+understand\s+this\s+answer)\b[^.]{0,40}https?://",
    re.I,
)


def not_self_contained(post: Post) -> str | None:
    """An exercise, a theorem by number, a thread or a linked text is needed that is not there."""
    if not post.says(*_ELSEWHERE_WORDS):
        return None
    found = _ELSEWHERE.search(post.text) or _LINK.search(post.text)
    return found.group() if found else None


_MATH = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|\\\[.*?\\\]|\\\(.*?\\\)|\\[A-Za-z]+|https?://\S+", re.DOTALL)
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_ENGLISH = frozenset({
    "the", "of", "and", "is", "to", "in", "a", "that", "for", "find", "be", "with", "are", "how", "many",
    "what", "if", "by", "let", "an", "such", "which", "on", "at", "from", "as", "it", "this", "show", "prove",
    "all", "value", "number", "compute", "determine", "evaluate", "solve", "where", "each", "has", "have",
    "then", "there", "does", "can", "one", "two", "not", "or", "between", "integers", "function", "equation",
    "given",
})  # fmt: skip
_FOREIGN = frozenset({
    "le", "les", "des", "dont", "est", "une", "pour", "soit", "par", "der", "die", "das", "ein", "eine", "und",
    "auf", "mit", "sei", "sind", "alle", "el", "los", "las", "que", "una", "es", "y", "del", "de", "la", "dos",
    "seu", "sua", "um", "uma", "igual", "il", "di", "che", "sono", "non", "né", "per", "dan", "dari", "nilai",
    "yang", "dla", "ma", "równanie", "się", "bir", "ve", "kaç",
})  # fmt: skip
_MOSTLY = 0.5
_FEW = 5


def _latin(word: str) -> bool:
    return all(letter < "ɐ" for letter in word)


def not_english(post: Post) -> str | None:
    """Most letters are of another script, or the small words are another language's and none is English."""
    if post.text.isascii() and post.says(" the ", " is ", " of ", "find "):
        return None
    words = _LETTERS.findall(_MATH.sub(" ", post.text))
    letters = sum(map(len, words))
    foreign = sum(len(word) for word in words if not _latin(word))
    if letters and foreign > _MOSTLY * letters and foreign >= 4:
        return " ".join(words)
    small = [word.lower() for word in words]
    theirs = sum(word in _FOREIGN for word in small)
    ours = sum(word in _ENGLISH and word not in _FOREIGN for word in small)
    return " ".join(words) if len(words) >= _FEW and theirs >= 3 and theirs > 2 * ours else None


_ESCAPED = re.compile(r"\\[\\{}$%&#_]")
_BRACED = re.compile(r"\\(?:frac|sqrt|binom|text|mathbb|mathrm)\b|[\^_]\{")
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([A-Za-z]+\*?)\}")
_LEFT_RIGHT = re.compile(r"\\(left|right)(?![A-Za-z])")


def broken_markup(post: Post) -> str | None:
    """Characters that were lost in conversion, or LaTeX whose braces, environments or dollars do not close."""
    if "�" in post.text:
        return "a character was lost (U+FFFD)"
    opened: list[str] = []
    for kind, name in _ENVIRONMENT.findall(post.text):
        if kind == "begin":
            opened.append(name)
        elif not opened or opened.pop() != name:
            return f"\\end{{{name}}} without its \\begin"
    if opened:
        return f"\\begin{{{opened[-1]}}} is never closed"
    bare = _ESCAPED.sub(" ", post.text)
    if bare.count("{") != bare.count("}") and _BRACED.search(bare):
        return "braces do not match"
    sides = _LEFT_RIGHT.findall(post.text)
    if sides.count("left") != sides.count("right"):
        return "\\left and \\right do not match"
    if "$$" in bare and bare.count("$") == 2 * bare.count("$$") and bare.count("$$") % 2:
        return "a display formula is never closed"
    return None
