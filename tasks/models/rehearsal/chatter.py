"""What people write around a problem in a forum, and the problem without it.

Only whole sentences go, and only ones that say nothing mathematical: a sentence with a digit or an
operator stays, unless it is plainly about the post ("Problem 3 from chapter 5 of my book.").
"""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"(?<=[.!?:;])\s+(?=[A-Z$\\(\[~—-])|\n+")
_GREETING = re.compile(
    r"^(?:hi|hello|hey|dear|greetings|good (?:morning|evening|day))(?: (?:all|everyone|everybody|guys"
    r"|there|folks"
    r"|community|friends|people|again))*(?![\w'])[^\w$\\(|{]*",
    re.IGNORECASE,
)
_SIGN_OFF = re.compile(
    r"\n\s*(?:cheers|(?:best|kind) regards|regards|best wishes|best|many thanks|thanks|thank you"
    r"|sincerely)\b[^\n]{0,20}"
    r"\n\s*[A-Z]\w*(?: \w+)?\s*$",
    re.IGNORECASE,
)
_LAST_WORDS = re.compile(
    r"\s*\b(?:thx|thanks|thank you|ty|pl[sz] help|please help|any (?:hints?|ideas?|help))\b[^$\\=]{0,30}$",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"^(?:(?:so|ok|okay|well|basically)[, ]+)?(?:"
    r"(?:my|our) (?:teacher|professor|friend|textbook|book|homework|tutor)[^:]{0,60}:"
    r"|(?:i (?:found|saw|came across|have|got|need|was given|am)|here(?:'s| is)|this (?:is|was)"
    r"|consider)[^:$\\=]{0,80}"
    r"(?:problem|question|exercise|puzzle|stuck|it)[^:$\\=]{0,60}:"
    r"|(?:problem|question|exercise)(?: \d+)?[.:]"
    r"|(?:(?:can|could) (?:anyone|someone|somebody|you)(?: please)?(?: help me)?(?: to)?|how (?:do|can"
    r"|would|should|to)"
    r"(?: i| we| you| one)?) (?=(?:find|determine|compute|solve|evaluate|calculate|factor)\b))\s*",
    re.IGNORECASE,
)
_ABOUT_THE_POST = re.compile(
    r"\b(?:thanks|thank you|thx|cheers|regards|in advance|any (?:hints?|help|ideas?|suggestions?|tips)"
    r"|please help"
    r"|help me|appreciated?|i'?m (?:stuck|lost|confused|new|struggling|not sure)|i am (?:stuck|lost"
    r"|confused|new"
    r"|struggling|not sure|preparing|studying)|i (?:tried|have tried|don'?t (?:know|understand|see)"
    r"|have no idea"
    r"|found this|saw this|came across|got stuck|was wondering|need help)|my (?:textbook|homework|teacher"
    r"|professor|book"
    r"|exam|class|friend)|from (?:a|an|my|an old) (?:book|textbook|contest|exam|competition)"
    r"|can (?:anyone|someone"
    r"|somebody|you)|could (?:anyone|someone|somebody|you)|does anyone|what did i do wrong|where (?:do"
    r"|should) i"
    r"|how (?:do|should|would|can) i|sorry|edit:|ps:|p\.s\.|upvote|sent from)\b",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"^\s*(?:[-–—~]{1,3}\s*)[A-Za-z_][\w .]{0,25}\d*\s*[.!]?$|^\s*--\s*$")
_ASKS = re.compile(
    r"\b(?:find|determine|compute|calculate|evaluate|what is|how many|solve|prove"
    r"|show that)\b",
    re.I,
)
_MATHEMATICAL = re.compile(r"[=<>+^\\$≤≥]|\d\s*[-*/]\s*\d")


def without_chatter(post: str) -> str:
    """The sentences that belong to the problem, joined by spaces (line breaks by line breaks)."""
    lines = [_line(line) for line in _SIGN_OFF.sub("", post.strip()).splitlines()]
    return "\n".join(line for line in lines if line)


def _line(line: str) -> str:
    kept = [_trimmed(sentence) for sentence in _SENTENCE.split(line) if sentence]
    return " ".join(sentence for sentence in kept if sentence and not _is_chatter(sentence)).strip()


def _trimmed(sentence: str) -> str:
    """Without a greeting, a lead-in such as "I found this problem in my textbook:", and last words."""
    problem = _LEAD_IN.sub("", _GREETING.sub("", sentence.strip()))
    return _LAST_WORDS.sub("", problem).strip()


def _is_chatter(sentence: str) -> bool:
    if _SIGNATURE.match(sentence):
        return True
    if not _ABOUT_THE_POST.search(sentence):
        return False
    return not (_MATHEMATICAL.search(sentence) or _ASKS.search(sentence)) or len(sentence.split()) < 4
