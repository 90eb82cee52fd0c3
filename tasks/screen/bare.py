"""Rules on a text that states no problem at all: too short, too long, or a phrase where one was meant. Pure."""

from __future__ import annotations

import re

from tasks.screen.post import Post

SHORTEST, LONGEST = 4, 8_000
"""Characters without white space at the ends. The longest of 27,000 problems in the MATH, GSM8K, DeepScaleR,
Omni-MATH and college sets has 4,309."""


def length(post: Post) -> str | None:
    """Shorter than any problem, or longer than any that is one problem."""
    size = len(post.text)
    return None if SHORTEST <= size <= LONGEST else f"{size} characters"


_WHAT = r"(?:question|problem|text|title|body|post|message|content|thread)"
_PHRASE = re.compile(
    rf"""(?:this\ )?{_WHAT}?\s*(?:has\ been\ |was\ |is\ )?(?:removed|deleted)(?:\ by\ (?:\w+\ ){{0,2}}\w+)?
      | (?:please\ )?(?:enter|type|insert|paste|write|put)\ (?:your\ |the\ |a\ )?{_WHAT}(?:\ here)?
      | {_WHAT}(?:\ (?:text|body))?\ (?:goes\ )?here
      | (?:please\ )?(?:answer|solve|see|do|find|work\ out|complete)\ (?:all\ )?(?:the|this|these|each|my)
        \ (?:following\ |attached\ )?
        (?:problems?|questions?|exercises?|answers?|solutions?|equations?|quiz|worksheet|file|above)
        (?:\ (?:below|above|please))?
      | (?:no|none|null|nan|n/a|undefined|untitled|test(?:ing)?|todo|tbd|placeholder|{_WHAT})(?:\ (?:{_WHAT}|\d+))?
      | (?:log|sign)\ in\ to\ (?:view|see|read|answer)\b[^.]{{0,60}}
      | (?:subscribe|register|upgrade|click\ here)\ to\ (?:view|see|read|continue|unlock)\b[^.]{{0,60}}
      | lorem\ ipsum\b.{{0,4000}}
      | (?:copyright|©|all\ rights\ reserved)\b[^?]{{0,200}}
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def boilerplate(post: Post) -> str | None:
    """The whole text is a phrase of a form, a site or a work sheet."""
    return post.text if _PHRASE.fullmatch(post.text.strip(" \n\t.!*_-:()[]<>")) else None
