"""Is a source's answer one that can be verified at all? Asked before a solution is paid for. Pure."""

from __future__ import annotations

import re

from tasks.verify import normal, wording
from tasks.verify.extract import alternatives

LONGEST = 300  # characters
MOST_WORDS = 40
_LETTER = re.compile(r"\(?[A-H]\)?[.:]?|\(?(?:i{1,3}|iv|v)\)")


def unverifiable(source_answer: str | None, kind: str | None = None) -> str | None:
    """Why agreement with a source's answer would prove nothing; None where it can be verified, or there is none.

    A letter is an option of a list that is not there, unless the answer's `kind` says that it is a formula; yes
    and no are guessed half of the time; of a paragraph nobody can tell whether two are the same.
    """
    forms = alternatives(source_answer)
    if not forms:
        return None
    bare = normal.plain(forms[0])
    if _LETTER.fullmatch(wording.unset(bare)) and kind not in ("expression", "equation", "set", "text"):
        return "a bare letter"
    if wording.unset(bare).casefold().strip(" .!") in ("yes", "no", "true", "false"):
        return "yes or no"
    if len(bare) > LONGEST or len(re.findall(r"(?<!\\)\b[^\W\d_]{3,}", bare)) > MOST_WORDS:
        return "a paragraph"
    return None
