"""The page from a run's facts: same facts, same bytes.

Its Content-Security-Policy lets a browser load nothing and run nothing: pictures are data, the one style sheet is
named by its digest. What comes from outside is escaped by the template, or made MathML by `formulas`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.report.charts.canvas import Picture
from tasks.report.charts.gallery import pictures
from tasks.report.facts import Example, Facts
from tasks.report.html import words
from tasks.report.html.formulas import formula, prose
from tasks.screen.guessable import words as guessed

_HERE = Path(__file__).parent
_FORMULAS = ("final_answer",)
"""Notes that are LaTeX without delimiters."""


def page(facts: Facts) -> str:
    """The whole page."""
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
    made.globals.update(share=words.share, figure=partial(_drawn, pictures(facts)))
    return made.get_template("page.html.j2").render(
        facts=facts,
        style=Markup(style),  # noqa: S704 - a file of ours
        style_digest=base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode(),
        kept=[one for one in facts.examples if one.stage == "publish" and one.verdict == "keep"],
        lost=_by_stage(facts),
    )


def _drawn(found: Mapping[str, Picture], name: str, is_wide: bool = False) -> Markup:
    """A picture of the run; nothing for one that it does not have."""
    if name not in found:
        return Markup()
    data = base64.b64encode(found[name].themed()).decode()
    kind = "wide" if is_wide else "plot"
    return Markup('<img class="{}" alt="{}" src="data:image/svg+xml;base64,{}">').format(kind, found[name].alt, data)


def _by_stage(facts: Facts) -> list[tuple[str, list[tuple[str, str, int, list[Example]]]]]:
    """Stages in order, in each its reasons with the most rows first: verdict, reason, rows, examples."""
    found = []
    for step in facts.funnel:
        groups = [("drop", step.dropped), ("quarantine", step.quarantined)]
        reasons = [(verdict, reason, n) for verdict, counts in groups for reason, n in counts.items()]
        told = [
            (verdict, reason, n, [one for one in facts.examples if (one.stage, one.reason) == (step.stage, reason)])
            for verdict, reason, n in sorted(reasons, key=lambda item: (-item[2], item[1]))
        ]
        if told:
            found.append((step.stage, told))
    return found


def _note(value: str, name: str) -> Markup:
    return formula(value) if name in _FORMULAS else prose(value)
