"""The page from a run's facts: same facts, same bytes."""

from __future__ import annotations

from tasks.report.charts.gallery import pictures
from tasks.report.facts import Example, Facts
from tasks.report.html.templates import rendered


def page(facts: Facts) -> str:
    """The whole page."""
    return rendered(
        "page.html.j2",
        pictures(facts),
        facts=facts,
        kept=[one for one in facts.examples if one.stage == "publish" and one.verdict == "keep"],
        lost=_by_stage(facts),
    )


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
