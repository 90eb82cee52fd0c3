"""Which pictures a run has: those for which there is something to show."""

from __future__ import annotations

from functools import partial

from tasks.report.charts import counted, money
from tasks.report.charts.atlas import atlas
from tasks.report.charts.canvas import Picture
from tasks.report.charts.sankey import sankey
from tasks.report.charts.sunburst import sunburst
from tasks.report.facts import Facts


def pictures(facts: Facts) -> dict[str, Picture]:
    """By name. Nothing is drawn before a picture's bytes are asked for."""
    first, last = facts.funnel[0], facts.funnel[-1]
    found = [
        Picture(
            "funnel", f"From {first.rows_in:,} rows to {last.kept:,}, stage by stage", partial(sankey, facts.funnel)
        )
    ]
    if facts.difficulty:
        drawn = partial(counted.difficulty, facts.difficulty, facts.gate)
        found.append(Picture("difficulty", "Rows by mean difficulty rating", drawn))
        found.append(Picture("spread", "Rows by spread of their ratings", partial(counted.spread, facts.spread)))
    if facts.topics:
        found.append(Picture("topics", "Rows of the data set by topic", partial(sunburst, facts.topics)))
    if facts.contamination and facts.contamination.benchmarks:
        drawn = partial(counted.contamination, facts.contamination.benchmarks, facts.questions)
        found.append(Picture("contamination", "Share of each benchmark found in the pool", drawn))
    if facts.answer_types:
        drawn = partial(counted.answer_types, facts.answer_types)
        found.append(Picture("answer-types", "Rows of the data set by type of answer", drawn))
    if facts.solution_tokens:
        drawn = partial(counted.lengths, facts.solution_tokens)
        found.append(Picture("solution-lengths", "Solutions by length in tokens", drawn))
    if facts.over_time:
        found.append(Picture("spend", "Dollars paid over time, by stage", partial(money.over_time, facts.over_time)))
    if facts.hours:
        found.append(Picture("gpu-hours", "GPU-hours by what they were", partial(money.hours, facts.hours)))
    for place, one in enumerate(facts.novelty, start=1):
        if one.ours:
            found.append(Picture(f"map-{place}", f"Map of the data set and {one.against}", partial(atlas, one)))
    return {one.name: one for one in found}
