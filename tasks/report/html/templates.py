"""What all pages share: the style, the policy that lets a browser load and run nothing, pictures as data.

A Content-Security-Policy names the one style sheet by its digest. What comes from outside is escaped by the template,
or made MathML by `formulas`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.report.charts.canvas import Picture
from tasks.report.html import words
from tasks.report.html.formulas import formula, prose
from tasks.screen.guessable import words as guessed

_HERE = Path(__file__).parent
_FORMULAS = ("final_answer",)
"""Notes that are LaTeX without delimiters."""


def rendered(template: str, pictures: Mapping[str, Picture], **values: Any) -> str:
    """A page: the template of that name over `values`, drawing from `pictures` by name."""
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    made = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters.update(
        usd=words.usd,
        moment=words.moment,
        hours=words.hours,
        plain=words.plain,
        prose=prose,
        note=_note,
        guessed=guessed,
    )
    made.globals.update(share=words.share, figure=partial(_drawn, pictures))
    return made.get_template(template).render(
        style=Markup(style),  # noqa: S704 - a file of ours
        style_digest=base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode(),
        **values,
    )


def _drawn(found: Mapping[str, Picture], name: str, is_wide: bool = False) -> Markup:
    """A picture; nothing for one that there is not."""
    if name not in found:
        return Markup()
    data = base64.b64encode(found[name].themed()).decode()
    kind = "wide" if is_wide else "plot"
    return Markup('<img class="{}" alt="{}" src="data:image/svg+xml;base64,{}">').format(kind, found[name].alt, data)


def _note(value: str, name: str) -> Markup:
    return formula(value) if name in _FORMULAS else prose(value)
