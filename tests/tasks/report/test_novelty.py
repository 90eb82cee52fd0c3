"""The interval of a judged sample, and what is said of a comparison."""

import pytest

from tasks.report.novelty import Novelty, sampled, wilson, words


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # R: binom::binom.confint(hits, of, methods = "wilson")
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)],
)
def test_wilsons_bounds(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=5e-5)


def test_nothing_is_known_from_no_row() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_what_is_undecided_counts_for_neither_side() -> None:
    found = sampled(same=5, different=80, undecided=15, missed_by_cosine=2)
    assert found.rows == 100
    assert found.low == wilson(5, 100)[0]
    assert found.high == wilson(20, 100)[1]


def test_a_comparison_in_words() -> None:
    found = Novelty(
        run="r", against="x.jsonl", theirs_rows=500, rows=1000, unique=990, known=10, embedder="e",
        sample=sampled(5, 80, 15, 2),
    )  # fmt: skip
    said = words(found)
    assert "990 unique, 10 known" in said
    assert "80 unique, 5 known, 15 undecided; of all rows 2.2% to 28.9% are known" in said
    assert "2 of the 5 have a cosine of 0.98 or less" in said
