"""Whether a reply comes from the model that was asked. Pure.

Providers answer an alias by its dated name (`gpt-4o` by `gpt-4o-2024-08-06`), and routers leave their own prefix out
(`openai/gpt-4o` by `gpt-4o`). Both are the model asked for. Any other name is another model, unless the recipe's role
lists it under `serves`; so is no name at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MONTH_AND_DAY = r"(?:0[1-9]|1[0-2])-?(?:[0-2]\d|3[01])"
_DATED = re.compile(rf"[-@](?:(?:20)?\d\d-?)?{_MONTH_AND_DAY}")


def accepts(asked: str, served: str, also: Sequence[str] = ()) -> bool:
    """Whether `served` is `asked`, `asked` with a date behind it, or in `also`.

    >>> accepts("openai/gpt-4o", "gpt-4o-2024-08-06")
    True
    >>> accepts("gpt-4o-2024-08-06", "gpt-4o")
    False
    """
    names = (asked, asked.partition("/")[2] or asked)
    return served in also or any(
        served == name or (served.startswith(name) and _DATED.fullmatch(served[len(name) :])) for name in names
    )
