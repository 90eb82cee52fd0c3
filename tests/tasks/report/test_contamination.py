import polars as pl

from tasks.decontaminate.judging import COLUMNS, EVIDENCE
from tasks.report.contamination import Close, OfBenchmark, OfSource, contamination, page
from tasks.rows.tables import table

VERDICTS = table(
    [
        {"problem_id": problem, "verdict": verdict, "nearest_benchmark_id": near, "nearest_score": score}
        | dict.fromkeys(("contaminated_by", "decontaminated_question", "reason"))
        | {"contaminated_how": how, "template_of": template}
        for problem, verdict, near, score, how, template in (
            ("p1", "drop", "a/1", 1.0, "exact", "a/1"), ("p2", "drop", "a/2", 0.9, "judged", "a/2"),
            ("p3", "keep", "b/3", 0.8, None, "b/3"), ("p4", "keep", "a/1", 0.95, None, None),
            ("p5", "quarantine", "b/4", 0.99, None, None),
        )
    ],
    {"problem_id": pl.String, "verdict": pl.String, "reason": pl.String, **COLUMNS},
)  # fmt: skip


def line(problem: str, question: str, benchmark: str, proof: str | None, *verdicts: str | None) -> dict[str, object]:
    forward, backward = verdicts or (None, None)
    return {
        "problem_id": problem, "benchmark_id": question, "benchmark": benchmark, "question": question, "score": 0.5,
        "proof": proof, "verdict_forward": forward, "verdict_backward": backward, "key_forward": None,
        "key_backward": None,
    }  # fmt: skip


NEIGHBOURS = table(
    [
        line("p1", "a/1", "a+b", "exact"),
        line("p4", "a/1", "a+b", None, "different", "same"),  # shown twice: the question counts once, as exact
        line("p2", "a/2", "a", "template", "same", None),
        line("p3", "b/3", "b", "template", "different", "different"),
        line("p5", "b/4", "b", None, "unsure", "unreadable"),
    ],
    {"problem_id": pl.String, **EVIDENCE["neighbours"]},
)
SOURCES = {"p1": "one", "p2": "two", "p3": "two", "p4": "two", "p5": "one"}


def test_a_benchmarks_questions_count_once_by_the_strongest_that_showed_them() -> None:
    assert contamination(VERDICTS, NEIGHBOURS, SOURCES).benchmarks == [
        OfBenchmark(benchmark="a", found=2, by={"exact": 1, "judged": 1}, template_only=0),
        OfBenchmark(benchmark="b", found=1, by={"exact": 1}, template_only=1),
    ]


def test_sources_count_rows_and_the_closest_kept_rows_are_shown() -> None:
    found = contamination(VERDICTS, NEIGHBOURS, SOURCES)
    assert found.sources == [
        OfSource(source="one", rows=2, dropped=1, template_only=0),
        OfSource(source="two", rows=3, dropped=1, template_only=1),
    ]
    assert found.closest == [
        Close(problem_id="p4", benchmark_id="a/1", score=0.95), Close(problem_id="p3", benchmark_id="b/3", score=0.8)
    ]  # fmt: skip


def test_rows_dropped_for_their_template_count_as_both() -> None:
    by_template = VERDICTS.with_columns(
        verdict=pl.when(problem_id="p3").then(pl.lit("drop")).otherwise("verdict"),
        contaminated_how=pl.when(problem_id="p3").then(pl.lit("template")).otherwise("contaminated_how"),
    )
    two = contamination(by_template, NEIGHBOURS, SOURCES).sources[1]
    assert two == OfSource(source="two", rows=3, dropped=2, template_only=1)


def test_the_page_has_shares_where_the_benchmarks_size_is_known() -> None:
    text = page(contamination(VERDICTS, NEIGHBOURS, SOURCES | {"p1": "one|<b>"}), {"a": 8})
    assert "| a | 2 of 8 | 25.0% | 1 exact, 1 judged |" in text
    assert "| b | 1 of ? | - | 1 exact |" in text
    assert "`one\u00a6<b>`" in text
