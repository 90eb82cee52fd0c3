"""How much of each benchmark a pool holds, how much of each source that cost, and which pairs were close. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import polars as pl
from pydantic import BaseModel

from tasks.report.markdown import literal, table
from tasks.rows.verdict import Verdict

CLOSEST = 10
_PROOFS = ("exact", "signature")
_TEMPLATE = "template"
VERDICT_COLUMNS = (
    *("problem_id", "verdict", "nearest_benchmark_id", "nearest_score"),
    *("contaminated_how", "template_of"),
)
NEIGHBOUR_COLUMNS = ("benchmark_id", "benchmark", "proof", "verdict_forward", "verdict_backward")
"""What is read of the stage's tables. Of the evidence, lines that are alike in these count once."""
_STRENGTH = (*_PROOFS, "judged", _TEMPLATE)


class OfBenchmark(BaseModel):
    """Questions of one benchmark that the pool repeats, by what showed it, and those it only has the template of."""

    benchmark: str
    found: int
    by: dict[str, int]
    template_only: int


class OfSource(BaseModel):
    """Rows of one source that came to the stage, and were dropped by it.

    `template_only` are those that repeat a benchmark question but for its numbers, where nothing shows more: under
    policy `same_template` they are among the dropped, under `same_problem` they would come on top of them.
    """

    source: str
    rows: int
    dropped: int
    template_only: int


class Close(BaseModel):
    """A row that was kept, and the benchmark question nearest to it: for people to read."""

    problem_id: str
    benchmark_id: str
    score: float


class Contamination(BaseModel):
    """The report on one run of the stage. `benchmarks` counts questions, each once; `sources` counts rows."""

    benchmarks: list[OfBenchmark]
    sources: list[OfSource]
    closest: list[Close]


def contamination(verdicts: pl.DataFrame, neighbours: pl.DataFrame, sources: Mapping[str, str]) -> Contamination:
    """The report from the stage's verdicts and evidence; `sources` maps problem ids to sources.

    A question is found where a row is proven to repeat it, or a judgement calls the two the same; by template only
    where rows differ from it in numbers and nothing shows more. One that several benchmarks hold counts for each.
    """
    kept = verdicts.filter(verdict=Verdict.KEEP.value).sort("nearest_score", "problem_id", descending=[True, False])
    return Contamination(
        benchmarks=_benchmarks(neighbours),
        sources=_sources(verdicts, sources),
        closest=[
            Close(problem_id=problem, benchmark_id=benchmark, score=score)
            for problem, benchmark, score in kept.select("problem_id", "nearest_benchmark_id", "nearest_score")
            .head(CLOSEST)
            .iter_rows()
        ],
    )


def _benchmarks(neighbours: pl.DataFrame) -> list[OfBenchmark]:
    """Each question by the strongest of what showed it in any row."""
    shown: dict[str, str] = {}
    names: dict[str, str] = {}
    for question, name, proof, *verdicts in neighbours.select(NEIGHBOUR_COLUMNS).iter_rows():
        names[question] = name
        how = "judged" if "same" in verdicts and proof not in _PROOFS else proof
        if how is not None:
            shown[question] = min(how, shown.get(question, how), key=_STRENGTH.index)
    by: dict[str, Counter[str]] = {one: Counter() for name in names.values() for one in name.split("+")}
    for question, how in shown.items():
        for one in names[question].split("+"):
            by[one][how] += 1
    return [
        OfBenchmark(
            benchmark=one,
            found=counts.total() - counts[_TEMPLATE],
            by={how: counts[how] for how in _STRENGTH if counts[how] and how != _TEMPLATE},
            template_only=counts[_TEMPLATE],
        )
        for one, counts in sorted(by.items())
    ]


def _sources(verdicts: pl.DataFrame, sources: Mapping[str, str]) -> list[OfSource]:
    rows, dropped, templates = Counter[str](), Counter[str](), Counter[str]()
    columns = ("problem_id", "verdict", "contaminated_how", "template_of")
    for problem, verdict, how, template in verdicts.select(columns).iter_rows():
        source = sources[problem]
        rows[source] += 1
        dropped[source] += verdict == Verdict.DROP.value
        templates[source] += template is not None and how in (None, _TEMPLATE)
    return [
        OfSource(source=one, rows=count, dropped=dropped[one], template_only=templates[one])
        for one, count in sorted(rows.items())
    ]


def page(found: Contamination, questions: Mapping[str, int]) -> str:
    """The report as Markdown. `questions` counts a benchmark's questions; without it a share is left out."""
    of_benchmarks = (
        (
            one.benchmark,
            f"{one.found} of {questions.get(one.benchmark, '?')}",
            _share(one.found, questions.get(one.benchmark)),
            ", ".join(f"{n} {how}" for how, n in one.by.items()) or "-",
            one.template_only,
        )
        for one in found.benchmarks
    )
    of_sources = (
        (literal(one.source), f"{one.dropped} of {one.rows}", _share(one.dropped, one.rows), one.template_only)
        for one in found.sources
    )
    closest = ((f"{one.score:.3f}", one.problem_id[:12], one.benchmark_id) for one in found.closest)
    return "\n\n".join(
        (
            table(("benchmark", "found in the pool", "share", "shown by", "by template only"), of_benchmarks),
            table(("source", "rows dropped", "share", "by template only"), of_sources),
            table(("cosine", "kept problem", "nearest benchmark question"), closest),
        )
    )


def _share(count: int, of: int | None) -> str:
    return f"{100 * count / of:.1f}%" if of else "-"
