"""Reading a post: its sentences, what in it is only talk, and what it asks for. Pure.

Everything here is a linear scan with compiled patterns: posts are hostile text.
"""

from __future__ import annotations

import re
from itertools import pairwise

from tasks.screen.artefacts import without_artefacts
from tasks.screen.markup import plain

_BOUNDARY = re.compile(
    r"""[.?!][$)\]}"'*]*\s+(?=[^\sa-z])   # a full stop, then anything but a small letter
      | \n\s*(?=\n)                       # an empty line
      | \n(?=\s*(?:[-*•(]|[A-Z0-9]))      # a line that starts as a sentence or a list item does
    """,
    re.VERBOSE,
)

_TALK = re.compile(
    r"""^\W*(?:
        (?:hi|hello|hey|dear|greetings|good\ (?:morning|evening|day|afternoon))\b[^.?!]{0,40}[.!,]?$
      | (?:many\ )?(?:thanks|thank\ you|thx|cheers|regards|best\ regards|kind\ regards|sincerely)\b.*
      | (?:any|some)\ (?:\w+\ )?(?:help|hints?|ideas?|tips?|suggestions?|advice|thoughts|insights?)\b.*
      | (?:please|pls|plz)\ (?:help|explain|advise|give\ (?:me\ )?(?:a\ )?hints?)\b.*
      | (?:can|could|would|will)\ (?:you|someone|somebody|anyone|anybody)\b
        [^?]{0,40}\b(?:help|hints?|explain|check|verify|tell|point|give|suggest|solve)\b.*
      | (?:i|i'm|i've|i'd|my|we've)\b.*
      | (?:sorry|apologies|edit|update|ps|p\.s|note\ to\ mods|tags?|source|sent\ from|posted\ (?:by|on|in))\b.*
      | (?:is|are|am|was)\ (?:this|that|it|my|i)\b[^?]{0,60}\b(?:correct|right|true|valid|wrong|okay|ok|mistaken)\W*$
      | (?:how|where)\ (?:do|can|should|would|could)\ (?:i|we|you|one)
        \ (?:start|begin|proceed|continue|go|approach|solve|do)\b.*
      | (?:what|where)\ (?:am|did)\ i\b.*
      | (?:where|what)\ (?:is|was)\ my\b.*
      | (?:found|saw|got|taken)\ (?:this|it|from)\b.*
      | (?:this|it)\ (?:is|was|comes|came|appeared)\ (?:from|in|on|homework|for\ homework|a\ homework)\b.*
      | (?:stuck|no\ idea|no\ clue|help)\b.*
      | [-–—_*=~]{2,}.*
      | [-–—~]\s*\w+\W*$
    )$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)

VERBS = r"find|compute|determine|calculate|evaluate|simplify|solve|count|factor|factori[sz]e|maximi[sz]e|minimi[sz]e"
VALUE_ASK = re.compile(
    rf"""(?:^|[,;:.?!$)\]]\s*|\b(?:and|then|hence|thus|also|or|to|please|so)\s+)(?i:{VERBS})\b
      | \b(?=[A-Z])(?i:{VERBS})\b
      | \b(?i:give|state|write\ down|report|enter)\s
        (?i:the\ (?:\w+\s+){{0,2}}(?:value|number|answer|sum|ratio)|your\ answer)\b
      | \b(?i:what|which)\s
        (?i:is|are|was|were|will|would|must|could|can|values?|number|numbers|percent\w*|fraction)\b
      | \b(?i:how\ (?:many|much|large|small|long|far|often|old|tall))\b
    """,
    re.VERBOSE,
)
"""A request for a value, as opposed to a proof or an opinion."""

_HEADING = re.compile(
    r"^\W*(?:problem|question|exercise|example|q|ex)\.?\s*(?:no\.?|#)?\s*\d+(?:\.\d+)*\s*[.:)\-]?\s*", re.IGNORECASE
)
_CREDIT = re.compile(
    r"""[(\[]\s*(?:\d+\s*(?:pts?|points?|marks?)                      # [5 marks]
                 |[^()\[\]$]{0,60}\b(?:19|20)\d\d\b[^()\[\]$=<>+*^]{0,40}  # (Some Olympiad 1987, P3)
              )\s*[)\]]""",
    re.IGNORECASE | re.VERBOSE,
)


def sentences(text: str) -> list[str]:
    """The text cut into sentences and list items; nothing is lost but white space at the cuts."""
    cuts = [0, *(found.end() for found in _BOUNDARY.finditer(text)), len(text)]
    pieces = (text[a:b].strip() for a, b in pairwise(cuts))
    return [piece for piece in pieces if piece]


def is_talk(sentence: str) -> bool:
    """Whether a sentence is about the post and its author, not about the problem.

    A sentence in the first person that asks for a value ("I want to find ...") is not talk.

    >>> is_talk("Thanks in advance!"), is_talk("I got stuck here."), is_talk("I need to find all n.")
    (True, True, False)
    """
    found = _TALK.match(sentence)
    return found is not None and not VALUE_ASK.search(sentence)


def core(post: str) -> list[str]:
    """The sentences that state the problem: no talk, no headings, no credits, nothing said twice."""
    kept: dict[str, str] = {}
    for sentence in sentences(_CREDIT.sub(" ", without_artefacts(plain(post)))):
        bare = _HEADING.sub("", sentence)
        if bare and not is_talk(bare):
            kept.setdefault(" ".join(bare.casefold().split()).rstrip(" .:?!"), bare)
    return list(kept.values())
