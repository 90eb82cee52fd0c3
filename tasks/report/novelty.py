"""How much of a data set others know already: counts, what a judged sample says, and a map of both. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

PAPER_COSINE = 0.98
"""DeepMath-103K (https://arxiv.org/abs/2504.11456, section 2): more alike than this is the same problem."""


class Sampled(BaseModel):
    """What the judge said of a random sample, each row held against its nearest questions of the other set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    same: int
    """A judgement, in either order, calls one of them the same problem."""
    different: int
    undecided: int
    """Somewhere unsure or unreadable, and nowhere the same."""
    missed_by_cosine: int
    """Of `same`: those whose cosine is not above the paper's."""
    low: float
    high: float
    """Share of known rows, 95% interval: `low` counts what is undecided as new, `high` as known."""


class Novelty(BaseModel):
    """One comparison. `ours` and `theirs` are points of the map, as (x, y) between 0 and 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    against: str
    theirs_rows: int
    rows: int
    unique: int
    known: int
    """Rows whose best cosine is above the paper's 0.98."""
    embedder: str
    sample: Sampled | None = None
    method: Literal["t-SNE", "none"] = "none"
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []


def sampled(same: int, different: int, undecided: int, missed_by_cosine: int) -> Sampled:
    """The sample with its interval: Wilson's bounds, the lower without the undecided rows, the upper with them."""
    rows = same + different + undecided
    return Sampled(
        rows=rows,
        same=same,
        different=different,
        undecided=undecided,
        missed_by_cosine=missed_by_cosine,
        low=wilson(same, rows)[0],
        high=wilson(same + undecided, rows)[1],
    )


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Bounds of a share with 95% confidence. Nothing is known from no row: 0 to 1."""
    if of == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest  # here, because it is slow to import

    found = binomtest(hits, of).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def words(found: Novelty) -> str:
    """The comparison in a few lines."""
    lines = [
        f"{found.rows:,} rows against {found.theirs_rows:,} questions of {found.against}",
        f"cosine above {PAPER_COSINE}: {found.unique:,} unique, {found.known:,} known",
    ]
    if one := found.sample:
        lines.append(
            f"judged sample of {one.rows}: {one.different} unique, {one.same} known, {one.undecided} undecided; "
            f"of all rows {one.low:.1%} to {one.high:.1%} are known (95%)"
        )
        lines.append(f"{one.missed_by_cosine} of the {one.same} have a cosine of {PAPER_COSINE} or less")
    return "\n".join(lines)
